/* Cuts the power of a process at a chosen flush.
 *
 * While the file named by POWER_CUT exists, flushes are counted; it holds "before N" or "after N".
 * At the N-th flush since it appeared the process kills itself with SIGKILL, before the flush
 * (what was written may be lost) or right behind it (it is on disk, nobody knows yet).
 * With POWER_CUT_MOVES set, renaming, making and removing are counted as well.
 */
#include "disk.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int counted;

struct cut power_cut(int is_move) {
	struct cut cut = { "", 0 };
	const char *order = getenv("POWER_CUT");
	if (!order || (is_move && !getenv("POWER_CUT_MOVES"))) return cut;
	FILE *file = fopen(order, "r");
	if (!file) return cut;
	int wanted = 0;
	if (fscanf(file, "%7s %d", cut.when, &wanted) != 2) wanted = 0;
	fclose(file);
	cut.now = __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST) == wanted;
	return cut;
}

void power_goes(struct cut cut, const char *when) {
	if (cut.now && strcmp(cut.when, when) == 0) kill(getpid(), SIGKILL);
}
