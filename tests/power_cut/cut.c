/* Cuts the power of a process at a chosen flush: stands in front of fdatasync(2) and fsync(2).
 *
 * While the file named by POWER_CUT exists, flushes are counted; it holds "before N" or "after N".
 * At the N-th flush since it appeared the process kills itself with SIGKILL, before the flush
 * (what was written may be lost) or right behind it (it is on disk, nobody knows yet).
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int flushes;

static int flush(long call, int fd) {
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
	long done = syscall(call, fd);
	if (wanted && now == wanted && strcmp(when, "after") == 0) kill(getpid(), SIGKILL);
	return (int)done;
}

int fdatasync(int fd) { return flush(SYS_fdatasync, fd); }
int fsync(int fd) { return flush(SYS_fsync, fd); }
