/* A disk that keeps what was flushed and nothing else: LD_PRELOAD, in front of every call that
 * changes a file or a folder.
 *
 * Whatever happens below the folder POWER_CUT_FOLDER (a path without links) is written into
 * POWER_CUT_LOG first, so that the log is whole whenever the process is killed; disk.rs makes of it
 * what a power cut at that moment can leave. Flushes are noted and not made: the log is the disk.
 *
 * An entry is five numbers of 8 bytes (kind, file, two of its own, length of what follows) and what
 * follows:
 *   C file 0 0 PATH     a file is made            N file 0 0 PATH   a file that is there is opened
 *   W file at n BYTES   bytes are written         Z file at n       the same, n zeros
 *   T file length 0     its length changes        F file 0 0        it is flushed
 *   M 0 0 0 PATH        a folder is made          U 0 0 0 PATH      a name goes
 *   R 0 flags 0 PATH\0PATH  renameat2             D 0 0 0 PATH      a folder is flushed
 *   L 0 0 0 PATH\0PATH  a second name             E 0 0 0 TEXT      the shim does not know this
 *   X 0 0 0             the last did not happen   S 0 n 0           it wrote only so many bytes
 * What is not known here (symbolic links, mapped writing but for SQLite's -shm) ends the process.
 */
#include "disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 4096
#define PARTS 64

static char folder[PATH_MAX];
static size_t folder_length;
static int record = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { dev_t dev; ino_t ino; uint64_t file; int gone; } files[FILES];
static uint64_t known;

typedef long call(long, ...);

static long pass(long number, long a, long b, long c, long d, long e, long f) {
	static call *real;
	if (!real) real = (call *)dlsym(RTLD_NEXT, "syscall");
	return real(number, a, b, c, d, e, f);
}
#define CALL(number, a, b, c, d, e) pass(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

static void die(const char *what, const char *path) {
	char text[2 * PATH_MAX];
	int length = snprintf(text, sizeof text, "%s: %s", what, path) + 1;
	uint64_t head[5] = { 'E', 0, 0, 0, (uint64_t)length };
	struct iovec both[2] = { { head, sizeof head }, { text, (size_t)length } };
	dprintf(2, "power-cut: the shim does not know %s\n", text);
	CALL(SYS_writev, record, both, 2, 0, 0);
	abort();
}

__attribute__((constructor)) static void begin(void) {
	const char *where = getenv("POWER_CUT_FOLDER"), *log = getenv("POWER_CUT_LOG");
	/* What this process starts has disks of its own. */
	unsetenv("LD_PRELOAD");
	if (!where || !log || !realpath(where, folder)) return;
	int fd = (int)CALL(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600, 0);
	record = fcntl(fd, F_DUPFD_CLOEXEC, 200);
	if (record < 0) die("a log that cannot be written", log);
	close(fd);
	folder_length = strlen(folder);
}

static void note(char kind, uint64_t file, uint64_t one, uint64_t two, const struct iovec *parts, int count) {
	uint64_t head[5] = { (uint64_t)kind, file, one, two, 0 };
	struct iovec all[PARTS + 1] = { { head, sizeof head } };
	int saved = errno;
	for (int i = 0; i < count; i++) {
		all[i + 1] = parts[i];
		head[4] += parts[i].iov_len;
	}
	long wanted = (long)(sizeof head + head[4]);
	if (CALL(SYS_writev, record, all, count + 1, 0, 0) != wanted) die("a full log", folder);
	errno = saved;
}

static void note_path(char kind, uint64_t file, uint64_t one, const char *path, const char *other) {
	struct iovec parts[2] = { { (void *)path, strlen(path) + 1 }, { (void *)other, other ? strlen(other) + 1 : 0 } };
	note(kind, file, one, 0, parts, other ? 2 : 1);
}

static int is_below(const char *path) {
	return folder_length && strncmp(path, folder, folder_length) == 0
		&& (path[folder_length] == '/' || path[folder_length] == 0);
}

/* The whole path of a name, its folder without links; whether it is below ours. */
static int place(int at, const char *path, char *whole) {
	char text[2 * PATH_MAX], from[64];
	ssize_t length = 0;
	if (!folder_length || !path || !*path) return 0;
	if (*path != '/') {
		snprintf(from, sizeof from, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
		length = readlink(from, text, PATH_MAX);
		if (length < 0) return 0;
		text[length++] = '/';
	}
	snprintf(text + length, sizeof text - (size_t)length, "%s", path);
	for (size_t end = strlen(text); end > 1 && text[end - 1] == '/';) text[--end] = 0;
	char *name = strrchr(text, '/');
	if (strcmp(name, "/.") == 0 || strcmp(name, "/..") == 0) return realpath(text, whole) && is_below(whole);
	*name++ = 0;
	if (!realpath(*text ? text : "/", whole) || strlen(whole) + strlen(name) + 2 > PATH_MAX) return 0;
	strcat(strcat(whole, "/"), name);
	return is_below(whole);
}

static uint64_t file_of(const struct stat *about, int by_name) {
	if (!S_ISREG(about->st_mode)) return 0;
	for (uint64_t i = 0; i < known; i++)
		if (files[i].dev == about->st_dev && files[i].ino == about->st_ino)
			return by_name && files[i].gone ? 0 : files[i].file;
	return 0;
}

static void remember(const struct stat *about, uint64_t file) {
	uint64_t i = 0;
	while (i < known && (files[i].dev != about->st_dev || files[i].ino != about->st_ino)) i++;
	if (i == FILES) die("so many files", folder);
	if (i == known) known++;
	files[i].dev = about->st_dev;
	files[i].ino = about->st_ino;
	files[i].file = file;
	files[i].gone = 0;
}

/* Its number may become another file's. */
static void forget(const struct stat *about) {
	for (uint64_t i = 0; i < known; i++)
		if (files[i].dev == about->st_dev && files[i].ino == about->st_ino) files[i].gone = 1;
}

static int opened(int at, const char *path, int flags, mode_t mode) {
	static uint64_t last;
	char whole[PATH_MAX];
	struct stat about;
	int nameless = (flags & O_TMPFILE) == O_TMPFILE;
	if (!place(at, path, whole)) return (int)CALL(SYS_openat, at, path, flags, mode, 0);
	if (flags & O_DSYNC) die("O_SYNC", whole);
	pthread_mutex_lock(&lock);
	int there = lstat(whole, &about) == 0, made = !there && (flags & O_CREAT) && !nameless, changed = made;
	uint64_t file = 0;
	if (there && S_ISLNK(about.st_mode)) die("a symbolic link", whole);
	if (made) {
		file = ++last;
		note_path('C', file, 0, whole, NULL);
	} else if (there && S_ISREG(about.st_mode)) {
		file = file_of(&about, 1);
		if (!file) {
			file = ++last;
			note_path('N', file, 0, whole, NULL);
			remember(&about, file);
		}
		changed = (flags & O_TRUNC) != 0;
		if (changed) note('T', file, 0, 0, NULL, 0);
	}
	int fd = (int)CALL(SYS_openat, at, path, flags, mode, 0);
	if (fd < 0 && changed) note('X', 0, 0, 0, NULL, 0);
	if (fd >= 0 && made && fstat(fd, &about) == 0) remember(&about, file);
	/* A file without a name is nobody's after a power cut. */
	if (fd >= 0 && nameless && fstat(fd, &about) == 0) remember(&about, 0);
	pthread_mutex_unlock(&lock);
	return fd;
}

static int is_zero(const struct iovec *parts, int count) {
	for (int i = 0; i < count; i++) {
		const char *bytes = parts[i].iov_base;
		if (parts[i].iov_len && (bytes[0] || memcmp(bytes, bytes + 1, parts[i].iov_len - 1))) return 0;
	}
	return 1;
}

/* Writes behind what was written, or, with `there`, at `at`. */
static ssize_t written(int fd, const struct iovec *parts, int count, int there, off_t at) {
	struct stat about;
	uint64_t length = 0;
	int ours = folder_length && fstat(fd, &about) == 0;
	if (ours) pthread_mutex_lock(&lock);
	uint64_t file = ours ? file_of(&about, 0) : 0;
	if (file) {
		if (count > PARTS) die("so many parts", folder);
		for (int i = 0; i < count; i++) length += parts[i].iov_len;
		fstat(fd, &about);
		off_t from = there ? at : fcntl(fd, F_GETFL) & O_APPEND ? about.st_size : lseek(fd, 0, SEEK_CUR);
		int zero = is_zero(parts, count);
		note(zero ? 'Z' : 'W', file, (uint64_t)from, length, parts, zero ? 0 : count);
	} else if (ours)
		pthread_mutex_unlock(&lock);
	ssize_t done = there ? CALL(SYS_pwritev, fd, parts, count, at, 0) : CALL(SYS_writev, fd, parts, count, 0, 0);
	if (file) {
		if (done < 0 || (uint64_t)done != length) note('S', 0, done < 0 ? 0 : (uint64_t)done, 0, NULL, 0);
		pthread_mutex_unlock(&lock);
	}
	return done;
}

static int lengthened(int fd, off_t length, int only_longer) {
	struct stat about;
	uint64_t file = folder_length && fstat(fd, &about) == 0 ? file_of(&about, 0) : 0;
	if (!file) return only_longer ? (int)CALL(SYS_fallocate, fd, 0, 0, length, 0) : (int)CALL(SYS_ftruncate, fd, length, 0, 0, 0);
	pthread_mutex_lock(&lock);
	fstat(fd, &about);
	int done = 0;
	if (!only_longer || length > about.st_size) {
		note('T', file, (uint64_t)length, 0, NULL, 0);
		done = (int)CALL(SYS_ftruncate, fd, length, 0, 0, 0);
		if (done) note('X', 0, 0, 0, NULL, 0);
	}
	pthread_mutex_unlock(&lock);
	return done;
}

static int flushed(long number, int fd) {
	char from[64], path[PATH_MAX];
	struct stat about;
	struct cut cut = power_cut(0);
	pthread_mutex_lock(&lock);
	power_goes(cut, "before");
	int done = 0, ours = folder_length && fstat(fd, &about) == 0;
	uint64_t file = ours ? file_of(&about, 0) : 0;
	if (file) {
		note('F', file, 0, 0, NULL, 0);
	} else if (ours && S_ISDIR(about.st_mode)) {
		snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
		ssize_t length = readlink(from, path, sizeof path - 1);
		path[length < 0 ? 0 : length] = 0;
		if (is_below(path)) note_path('D', 0, 0, path, NULL);
		else done = (int)CALL(number, fd, 0, 0, 0, 0);
	} else
		done = (int)CALL(number, fd, 0, 0, 0, 0);
	power_goes(cut, "after");
	pthread_mutex_unlock(&lock);
	return done;
}

/* One call that changes names: its kind, and how the system is asked. */
static int moved(char kind, long number, int at, const char *path, int to_at, const char *to, long rest) {
	char whole[PATH_MAX] = "", target[PATH_MAX] = "";
	struct stat about, other;
	struct cut cut = power_cut(1);
	int ours = place(at, path, whole) + (to ? place(to_at, to, target) : 0);
	if (ours && to && ours != 2) die("a move out or in", whole);
	if (ours) {
		pthread_mutex_lock(&lock);
		int exchanged = kind == 'R' && (rest & RENAME_EXCHANGE);
		int old = kind == 'U' && lstat(whole, &about) == 0, covered = to && !exchanged && lstat(target, &other) == 0;
		power_goes(cut, "before");
		note_path(kind, 0, kind == 'R' ? (uint64_t)rest : 0, whole, to ? target : NULL);
		int done = to ? (int)CALL(number, at, path, to_at, to, rest) : (int)CALL(number, at, path, rest, 0, 0);
		if (done) note('X', 0, 0, 0, NULL, 0);
		else if (old) forget(&about);
		else if (covered) forget(&other);
		power_goes(cut, "after");
		pthread_mutex_unlock(&lock);
		return done;
	}
	power_goes(cut, "before");
	int done = to ? (int)CALL(number, at, path, to_at, to, rest) : (int)CALL(number, at, path, rest, 0, 0);
	power_goes(cut, "after");
	return done;
}

static int is_ours(int fd) {
	struct stat about;
	return folder_length && fstat(fd, &about) == 0 && file_of(&about, 0);
}

static void refuse(const char *what, int at, const char *path) {
	char whole[PATH_MAX];
	if (place(at, path, whole)) die(what, whole);
}

static void *mapped(void *where, size_t length, int protection, int flags, int fd, off_t at) {
	char from[64], path[PATH_MAX] = "";
	if (fd >= 0 && (protection & PROT_WRITE) && (flags & MAP_SHARED) && is_ours(fd)) {
		snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
		ssize_t end = readlink(from, path, sizeof path - 1);
		if (end < 4 || strncmp(path + end - 4, "-shm", 4) != 0) die("a mapping to write to", path);
	}
	return (void *)pass(SYS_mmap, (long)where, (long)length, protection, flags, fd, at);
}

#define MODE(flags) \
	mode_t mode = 0; \
	if ((flags) & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }

int open(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

#define ONE struct iovec part = { (void *)bytes, length }
ssize_t write(int fd, const void *bytes, size_t length) { ONE; return written(fd, &part, 1, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { ONE; return written(fd, &part, 1, 1, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) { ONE; return written(fd, &part, 1, 1, at); }
ssize_t writev(int fd, const struct iovec *parts, int count) { return written(fd, parts, count, 0, 0); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return written(fd, parts, count, 1, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) { return written(fd, parts, count, 1, at); }

int ftruncate(int fd, off_t length) { return lengthened(fd, length, 0); }
int ftruncate64(int fd, off_t length) { return lengthened(fd, length, 0); }
int posix_fallocate(int fd, off_t at, off_t length) { return lengthened(fd, at + length, 1) ? errno : 0; }
int posix_fallocate64(int fd, off_t at, off_t length) { return posix_fallocate(fd, at, length); }
int fallocate(int fd, int mode, off_t at, off_t length) {
	if (mode && is_ours(fd)) die("fallocate with a mode", folder);
	return mode ? (int)CALL(SYS_fallocate, fd, mode, at, length, 0) : lengthened(fd, at + length, 1);
}
int fallocate64(int fd, int mode, off_t at, off_t length) { return fallocate(fd, mode, at, length); }
int truncate(const char *path, off_t length) { refuse("truncate", AT_FDCWD, path); return (int)CALL(SYS_truncate, path, length, 0, 0, 0); }
int truncate64(const char *path, off_t length) { return truncate(path, length); }

int fdatasync(int fd) { return flushed(SYS_fdatasync, fd); }
int fsync(int fd) { return flushed(SYS_fsync, fd); }

int mkdir(const char *path, mode_t mode) { return moved('M', SYS_mkdirat, AT_FDCWD, path, 0, NULL, mode); }
int mkdirat(int at, const char *path, mode_t mode) { return moved('M', SYS_mkdirat, at, path, 0, NULL, mode); }
int unlink(const char *path) { return moved('U', SYS_unlinkat, AT_FDCWD, path, 0, NULL, 0); }
int unlinkat(int at, const char *path, int flags) { return moved('U', SYS_unlinkat, at, path, 0, NULL, flags); }
int rmdir(const char *path) { return moved('U', SYS_unlinkat, AT_FDCWD, path, 0, NULL, AT_REMOVEDIR); }
int renameat2(int at, const char *path, int to_at, const char *to, unsigned flags) {
	return moved('R', SYS_renameat2, at, path, to_at, to, (long)flags);
}
int renameat(int at, const char *path, int to_at, const char *to) { return renameat2(at, path, to_at, to, 0); }
int rename(const char *path, const char *to) { return renameat2(AT_FDCWD, path, AT_FDCWD, to, 0); }
int linkat(int at, const char *path, int to_at, const char *to, int flags) {
	return moved('L', SYS_linkat, at, path, to_at, to, flags);
}
int link(const char *path, const char *to) { return linkat(AT_FDCWD, path, AT_FDCWD, to, 0); }
int symlinkat(const char *what, int at, const char *path) {
	refuse("a symbolic link", at, path);
	return (int)CALL(SYS_symlinkat, what, at, path, 0, 0);
}
int symlink(const char *what, const char *path) { return symlinkat(what, AT_FDCWD, path); }

void *mmap(void *where, size_t length, int protection, int flags, int fd, off_t at) {
	return mapped(where, length, protection, flags, fd, at);
}
void *mmap64(void *where, size_t length, int protection, int flags, int fd, off_t at) {
	return mapped(where, length, protection, flags, fd, at);
}

/* Whoever copies inside the system is sent back to reading and writing. */
ssize_t copy_file_range(int from, off_t *at, int to, off_t *there, size_t length, unsigned flags) {
	if (is_ours(to)) return errno = EINVAL, -1;
	return pass(SYS_copy_file_range, from, (long)at, to, (long)there, (long)length, flags);
}
ssize_t sendfile(int to, int from, off_t *at, size_t length) {
	if (is_ours(to)) return errno = EINVAL, -1;
	return CALL(SYS_sendfile, to, from, at, length, 0);
}
ssize_t sendfile64(int to, int from, off_t *at, size_t length) { return sendfile(to, from, at, length); }

long syscall(long number, ...) {
	long word[6];
	va_list list;
	va_start(list, number);
	for (int i = 0; i < 6; i++) word[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_renameat2)
		return renameat2((int)word[0], (char *)word[1], (int)word[2], (char *)word[3], (unsigned)word[4]);
	if (number == SYS_copy_file_range && is_ours((int)word[2])) return errno = EINVAL, -1;
	return pass(number, word[0], word[1], word[2], word[3], word[4], word[5]);
}
