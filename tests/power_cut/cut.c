/* Cuts the power of a process at a chosen flush: stands in front of fdatasync(2) and fsync(2).
 *
 * While the file named by POWER_CUT exists, flushes are counted; it holds "before N" or "after N".
 * At the N-th flush since it appeared the process kills itself with SIGKILL, before the flush
 * (what was written may be lost) or right behind it (it is on disk, nobody knows yet).
 * With POWER_CUT_MOVES set, renaming and removing are counted as well.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int flushes;

static long cut(long call, long one, long two, long three, long four) {
	const char *order = getenv("POWER_CUT");
	char when[8] = "";
	int wanted = 0, now = 0;
	FILE *file = order ? fopen(order, "r") : NULL;
	if (file) {
		if (fscanf(file, "%7s %d", when, &wanted) != 2) wanted = 0;
		fclose(file);
		now = __atomic_add_fetch(&flushes, 1, __ATOMIC_SEQ_CST);
	}
	if (wanted && now == wanted && strcmp(when, "before") == 0) kill(getpid(), SIGKILL);
	long done = syscall(call, one, two, three, four);
	if (wanted && now == wanted && strcmp(when, "after") == 0) kill(getpid(), SIGKILL);
	return done;
}

static long move(long call, long one, long two, long three, long four) {
	return getenv("POWER_CUT_MOVES") ? cut(call, one, two, three, four) : syscall(call, one, two, three, four);
}

int fdatasync(int fd) { return (int)cut(SYS_fdatasync, fd, 0, 0, 0); }
int fsync(int fd) { return (int)cut(SYS_fsync, fd, 0, 0, 0); }
int rename(const char *from, const char *to) {
	return (int)move(SYS_renameat, AT_FDCWD, (long)from, AT_FDCWD, (long)to);
}
int unlinkat(int folder, const char *path, int flags) {
	return (int)move(SYS_unlinkat, folder, (long)path, flags, 0);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
