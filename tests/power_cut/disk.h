/* What the two halves of the shim know of each other. */
#define _GNU_SOURCE

struct cut {
	char when[8];
	int now;
};

/* Counts a flush or a move; whether, and on which side of it, the power goes. */
struct cut power_cut(int is_move);
void power_goes(struct cut cut, const char *when);
