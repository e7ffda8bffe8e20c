// A preload shim that writes down every change to files below one folder, in one global order, for the power-loss
// test. It records what the kernel was asked to do and knows nothing of Streamfold; `recording.rs` reads the log.
//
//   FAULTS_ROOT  absolute folder to watch        FAULTS_LOG  file the records are appended to
//   FAULTS_KILL  "rename .seg 3": the process is killed right after its third rename to a name that ends so;
//                "write .seg 40": right after its 40th write to such a file; "tear .seg 40": in the middle of it;
//                "sync .seg 40": right before its 40th sync of such a file
//   FAULTS_ARMED file from whose existence on these calls are counted: the program can be up before it is killed
//
// A record: u8 kind, i32 fd, u64 a, u64 b, u32 payload length, payload (little endian, no padding). A change and its
// record happen under one lock, so that the order of records is the order of changes. A sync has two records, start
// and end, and runs outside the lock: what was changed before its start is on disk once its end is recorded. The process
// is killed from here and under the lock, so that nothing is changed without its record and no record is cut short.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
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

enum kind {
    START = 1, OPEN, CLOSE, DUP, WRITE, ZERO, SIZE, ALLOCATE, SYNC_START, SYNC_END, RENAME, UNLINK, MKDIR, RMDIR, LINK,
    // Something that changes files and that this shim cannot describe: the test fails when it sees one.
    UNKNOWN
};

#define FDS 65536
static unsigned char watched[FDS];
static char root[4096];
static size_t root_length;
static int log_fd = -1;
static uint64_t next_sync;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void enter(void) { pthread_mutex_lock(&lock); }

static void leave(void) {
    int saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
}

static void record(enum kind kind, int fd, uint64_t a, uint64_t b, const void *payload, uint32_t length) {
    if (log_fd < 0) return;
    int saved = errno;
    unsigned char head[25];
    int32_t fd32 = fd;
    head[0] = (unsigned char)kind;
    memcpy(head + 1, &fd32, 4);
    memcpy(head + 5, &a, 8);
    memcpy(head + 13, &b, 8);
    memcpy(head + 21, &length, 4);
    struct iovec parts[2] = {{head, sizeof head}, {(void *)payload, length}};
    // One system call per record: whoever looks at the size of the log sees whole records only.
    if (syscall(SYS_writev, log_fd, parts, length ? 2 : 1) != (long)(sizeof head + length)) abort();
    errno = saved;
}

static char kill_call[16], kill_name[64];
static const char *armed_by;
static int kill_count;

// Whether calls of this kind are counted, and from now on.
static int is_counted(const char *call) {
    if (kill_count == 0 || strcmp(call, kill_call) != 0) return 0;
    if (armed_by && syscall(SYS_faccessat, AT_FDCWD, armed_by, F_OK) != 0) return 0;
    armed_by = NULL;
    return 1;
}

// Whether this is the call, on a file of the name, at which to be killed.
static int is_due(const char *call, const char *path) {
    size_t n = strlen(path), m = strlen(kill_name);
    if (!is_counted(call) || n < m || strcmp(path + n - m, kill_name) != 0) return 0;
    return --kill_count == 0;
}

static int is_due_at(const char *call, int fd) {
    if (!is_counted(call)) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    return is_due(call, path);
}

static void be_killed(void) { syscall(SYS_kill, getpid(), SIGKILL); }

static uint64_t program_base;
static int first_module(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size, (void)data;
    program_base = info->dlpi_addr;
    return 1;
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FAULTS_ROOT"), *path = getenv("FAULTS_LOG");
    if (!folder || !path || strlen(folder) >= sizeof root) return;
    strcpy(root, folder);
    root_length = strlen(root);
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const char *killed = getenv("FAULTS_KILL");
    armed_by = getenv("FAULTS_ARMED");
    if (killed && sscanf(killed, "%15s %63s %d", kill_call, kill_name, &kill_count) != 3) abort();
    // Out of the way of descriptors that the program counts on.
    int high = (int)syscall(SYS_fcntl, log_fd, F_DUPFD_CLOEXEC, 60000);
    if (high >= 0) { syscall(SYS_close, log_fd); log_fd = high; }
    void *warm[2];
    backtrace(warm, 2);
    dl_iterate_phdr(first_module, NULL);
    record(START, 0, (uint64_t)getpid(), 0, NULL, 0);
}

// Makes `path` absolute below the watched folder into `out`; 0 when it lies elsewhere.
static int inside(int dirfd, const char *path, char *out) {
    if (log_fd < 0 || !path) return 0;
    if (path[0] == '/') {
        if (snprintf(out, 4096, "%s", path) >= 4096) return 0;
    } else {
        char base[4096], link[64];
        ssize_t n;
        if (dirfd == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
            if ((n = readlink(link, base, sizeof base - 1)) < 0) return 0;
            base[n] = 0;
        }
        if (path[0] == 0 || snprintf(out, 4096, "%s/%s", base, path) >= 4096) return 0;
    }
    return strncmp(out, root, root_length) == 0 && (out[root_length] == '/' || out[root_length] == 0);
}

static int is_watched(int fd) { return log_fd >= 0 && fd >= 0 && fd < FDS && watched[fd]; }

static int open_any(int dirfd, const char *path, int flags, mode_t mode) {
    char full[4096];
    if (!inside(dirfd, path, full)) return (int)syscall(SYS_openat, dirfd, path, flags, mode);
    enter();
    struct stat before;
    int existed = stat(full, &before) == 0;
    int fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
    if (fd >= 0 && fd < FDS) {
        watched[fd] = 1;
        record((flags & O_TMPFILE) == O_TMPFILE ? UNKNOWN : OPEN, fd, (uint64_t)flags, (uint64_t)existed, full, (uint32_t)strlen(full));
    }
    leave();
    return fd;
}

#define MODE(last) \
    mode_t mode = 0; \
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) { \
        va_list list; va_start(list, last); mode = va_arg(list, mode_t); va_end(list); \
    }
int open(const char *path, int flags, ...) { MODE(flags) return open_any(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return open_any(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE(flags) return open_any(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE(flags) return open_any(dir, path, flags, mode); }
int creat(const char *path, mode_t mode) { return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open_any(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int fd) {
    if (!is_watched(fd)) return (int)syscall(SYS_close, fd);
    enter();
    watched[fd] = 0;
    int result = (int)syscall(SYS_close, fd);
    record(CLOSE, fd, 0, 0, NULL, 0);
    leave();
    return result;
}

static int duplicated(int from, int to) {
    if (to >= 0 && to < FDS) { watched[to] = 1; record(DUP, from, (uint64_t)to, 0, NULL, 0); }
    return to;
}

static int fcntl_any(int fd, int command, void *argument) {
    if (!is_watched(fd) || (command != F_DUPFD && command != F_DUPFD_CLOEXEC)) return (int)syscall(SYS_fcntl, fd, command, argument);
    enter();
    int result = duplicated(fd, (int)syscall(SYS_fcntl, fd, command, argument));
    leave();
    return result;
}
#define ARGUMENT va_list list; va_start(list, command); void *argument = va_arg(list, void *); va_end(list);
int fcntl(int fd, int command, ...) { ARGUMENT return fcntl_any(fd, command, argument); }
int fcntl64(int fd, int command, ...) { ARGUMENT return fcntl_any(fd, command, argument); }
int dup(int fd) {
    if (!is_watched(fd)) return (int)syscall(SYS_dup, fd);
    enter();
    int result = duplicated(fd, (int)syscall(SYS_dup, fd));
    leave();
    return result;
}

static void wrote(int fd, off_t offset, const unsigned char *bytes, size_t length) {
    size_t i = 0;
    while (i < length && bytes[i] == 0) i++;
    if (i == length) record(ZERO, fd, (uint64_t)offset, (uint64_t)length, NULL, 0);
    else record(WRITE, fd, (uint64_t)offset, 0, bytes, (uint32_t)length);
}

static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t offset, int positioned) {
    enter();
    int torn = is_due_at("tear", fd), killed = torn || is_due_at("write", fd);
    struct iovec half = {parts[0].iov_base, (parts[0].iov_len + 1) / 2};
    if (torn) { parts = &half; count = 1; }
    ssize_t done = positioned ? syscall(SYS_pwritev, fd, parts, count, offset, 0) : syscall(SYS_writev, fd, parts, count);
    if (done > 0) {
        // A plain write leaves the position at its end, an appending one too.
        if (!positioned) offset = (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) - done;
        ssize_t left = done;
        for (int i = 0; i < count && left > 0; i++) {
            size_t part = parts[i].iov_len < (size_t)left ? parts[i].iov_len : (size_t)left;
            if (part) wrote(fd, offset, parts[i].iov_base, part);
            offset += (off_t)part;
            left -= (ssize_t)part;
        }
    }
    if (killed) be_killed();
    leave();
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!is_watched(fd)) return syscall(SYS_write, fd, bytes, length);
    struct iovec part = {(void *)bytes, length};
    return write_parts(fd, &part, 1, 0, 0);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    if (!is_watched(fd)) return syscall(SYS_pwrite64, fd, bytes, length, offset);
    struct iovec part = {(void *)bytes, length};
    return write_parts(fd, &part, 1, offset, 1);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) { return pwrite(fd, bytes, length, offset); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (!is_watched(fd)) return syscall(SYS_writev, fd, parts, count);
    return write_parts(fd, parts, count, 0, 0);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    if (!is_watched(fd)) return syscall(SYS_pwritev, fd, parts, count, offset, 0);
    return write_parts(fd, parts, count, offset, 1);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset) { return pwritev(fd, parts, count, offset); }

int ftruncate(int fd, off_t size) {
    if (!is_watched(fd)) return (int)syscall(SYS_ftruncate, fd, size);
    enter();
    int result = (int)syscall(SYS_ftruncate, fd, size);
    if (result == 0) record(SIZE, fd, (uint64_t)size, 0, NULL, 0);
    leave();
    return result;
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }
int fallocate(int fd, int mode, off_t offset, off_t length) {
    if (!is_watched(fd)) return (int)syscall(SYS_fallocate, fd, mode, offset, length);
    enter();
    int result = (int)syscall(SYS_fallocate, fd, mode, offset, length);
    // 0: grow and allocate. 1 (keep the size): changes nothing that a reader sees.
    if (result == 0 && mode != 1) record(mode == 0 ? ALLOCATE : UNKNOWN, fd, (uint64_t)offset, (uint64_t)length, "fallocate", 9);
    leave();
    return result;
}
int fallocate64(int fd, int mode, off_t offset, off_t length) { return fallocate(fd, mode, offset, length); }
int posix_fallocate(int fd, off_t offset, off_t length) { return fallocate(fd, 0, offset, length) == 0 ? 0 : errno; }
int posix_fallocate64(int fd, off_t offset, off_t length) { return posix_fallocate(fd, offset, length); }

// The payload of a start is the call's stack, as addresses within the program: it names the call site.
static int sync_any(int fd, long number, uint64_t whole) {
    if (!is_watched(fd)) return (int)syscall(number, fd);
    void *frames[32];
    uint64_t offsets[32];
    int all = backtrace(frames, 32), count = 0;
    for (int i = 0; i < all; i++) {
        Dl_info info;
        // Return addresses: the call is the byte before.
        if (dladdr(frames[i], &info) && (uint64_t)info.dli_fbase == program_base)
            offsets[count++] = (uint64_t)frames[i] - program_base - 1;
    }
    enter();
    if (is_due_at("sync", fd)) be_killed();
    uint64_t id = next_sync++;
    record(SYNC_START, fd, id, whole, offsets, (uint32_t)(count * 8));
    leave();
    int result = (int)syscall(number, fd);
    enter();
    if (result == 0) record(SYNC_END, fd, id, 0, NULL, 0);
    leave();
    return result;
}
int fsync(int fd) { return sync_any(fd, SYS_fsync, 1); }
int fdatasync(int fd) { return sync_any(fd, SYS_fdatasync, 0); }

static int rename_any(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    char a[8192], b[4096];
    int in_a = inside(from_dir, from, a), in_b = inside(to_dir, to, b);
    if (!in_a && !in_b) return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    enter();
    int result = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (result == 0) {
        size_t n = strlen(a), m = strlen(b);
        memcpy(a + n + 1, b, m);
        // RENAME_NOREPLACE (1) is a rename that succeeded; the others exchange or leave a whiteout.
        record(in_a && in_b && flags <= 1 ? RENAME : UNKNOWN, 0, 0, 0, a, (uint32_t)(n + 1 + m));
        if (is_due("rename", b)) be_killed();
    }
    leave();
    return result;
}
int rename(const char *from, const char *to) { return rename_any(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return rename_any(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return rename_any(a, from, b, to, flags); }

static int unlink_any(int dir, const char *path, int flags) {
    char full[4096];
    if (!inside(dir, path, full)) return (int)syscall(SYS_unlinkat, dir, path, flags);
    enter();
    int result = (int)syscall(SYS_unlinkat, dir, path, flags);
    if (result == 0) record(flags & AT_REMOVEDIR ? RMDIR : UNLINK, 0, 0, 0, full, (uint32_t)strlen(full));
    leave();
    return result;
}
int unlink(const char *path) { return unlink_any(AT_FDCWD, path, 0); }
int unlinkat(int dir, const char *path, int flags) { return unlink_any(dir, path, flags); }
int rmdir(const char *path) { return unlink_any(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    struct stat at;
    if (lstat(path, &at) != 0) return -1;
    return unlink_any(AT_FDCWD, path, S_ISDIR(at.st_mode) ? AT_REMOVEDIR : 0);
}

static int mkdir_any(int dir, const char *path, mode_t mode) {
    char full[4096];
    if (!inside(dir, path, full)) return (int)syscall(SYS_mkdirat, dir, path, mode);
    enter();
    int result = (int)syscall(SYS_mkdirat, dir, path, mode);
    if (result == 0) record(MKDIR, 0, 0, 0, full, (uint32_t)strlen(full));
    leave();
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdir_any(AT_FDCWD, path, mode); }
int mkdirat(int dir, const char *path, mode_t mode) { return mkdir_any(dir, path, mode); }

static int link_any(int from_dir, const char *from, int to_dir, const char *to, int flags) {
    char a[8192], b[4096];
    int in_a = inside(from_dir, from, a), in_b = inside(to_dir, to, b);
    if (!in_a && !in_b) return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    enter();
    int result = (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    if (result == 0) {
        size_t n = strlen(a), m = strlen(b);
        memcpy(a + n + 1, b, m);
        record(in_a && in_b ? LINK : UNKNOWN, 0, 0, 0, a, (uint32_t)(n + 1 + m));
    }
    leave();
    return result;
}
int link(const char *from, const char *to) { return link_any(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int a, const char *from, int b, const char *to, int flags) { return link_any(a, from, b, to, flags); }

static void unknown(int fd, const char *what) {
    if (!is_watched(fd)) return;
    enter();
    record(UNKNOWN, fd, 0, 0, what, (uint32_t)strlen(what));
    leave();
}
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags) {
    unknown(out, "copy_file_range");
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, length, flags);
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t length) {
    unknown(out, "sendfile");
    return syscall(SYS_sendfile, out, in, at, length);
}
ssize_t sendfile(int out, int in, off_t *at, size_t length) { return sendfile64(out, in, at, length); }
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    if ((flags & MAP_SHARED) && (protection & PROT_WRITE)) unknown(fd, "shared writable mmap");
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap(address, length, protection, flags, fd, offset);
}
int syncfs(int fd) { unknown(fd, "syncfs"); return (int)syscall(SYS_syncfs, fd); }
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
    unknown(fd, "sync_file_range");
    return (int)syscall(SYS_sync_file_range, fd, offset, length, flags);
}
