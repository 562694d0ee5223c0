// The walls of a worker that must stand before anything runs in it.
//
// zonebox_confine is a constructor: it runs on the only thread there is, before
// the Go runtime and before the engine's own initializers. What it gives up is
// given up for every thread that will ever be. No execve is possible afterwards:
// there is no file left to execute.
//
// It obeys the fourth argument of the command line, which the gate writes
// (wire.Options.Cell): name=number and name=,list, separated by semicolons.
// Where a wall cannot be put up it tells the gate its name and ends the process,
// unless the configuration waives that wall.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>

#include "cell.h"

struct zonebox_cell zonebox_cell = {.proc = -1};

enum { GATE = 3, FAULT = 69, EXIT_HARDEN = 70 }; // socket.go, wire.go, worker.go

static const char *options;

// number returns the value of name, or 0.
static long long number(const char *name)
{
	size_t n = strlen(name);
	for (const char *p = options; p != NULL; p = strchr(p, ';')) {
		p += *p == ';';
		if (strncmp(p, name, n) == 0 && p[n] == '=')
			return atoll(p + n + 1);
	}
	return 0;
}

// listed reports whether the list called name holds item.
static int listed(const char *name, const char *item)
{
	char key[64];
	snprintf(key, sizeof key, ";%s=", name);
	const char *list = strstr(options, key);
	if (list == NULL)
		return 0;
	list += strlen(key);
	snprintf(key, sizeof key, ",%s,", item);
	const char *found = strstr(list, key), *end = strchr(list, ';');
	return found != NULL && (end == NULL || found < end);
}

static int skipped(const char *layer)
{
#ifdef ZONEBOX_PROBE // only the worker that tests build leaves out a layer
	return listed("skip", layer);
#else
	(void)layer;
	return 0;
#endif
}

// refuse tells the gate which layer this host does not give, and ends.
static void refuse(const char *layer)
{
	if (listed("waived", layer))
		return;
	char frame[160];
	int n = snprintf(frame + 5, sizeof frame - 5, "{\"code\":\"%s\",\"offset\":-1,\"column\":-1}", layer);
	uint32_t length = (uint32_t)n;
	for (int i = 0; i < 4; i++)
		frame[i] = (char)(length >> (8 * i));
	frame[4] = FAULT;
	if (write(GATE, frame, 5 + (size_t)n) < 0)
		_exit(EXIT_HARDEN + 1);
	_exit(EXIT_HARDEN);
}

// Landlock, by the kernel's own numbers: the C library's headers may be older
// than the kernel (linux/landlock.h).
struct ruleset_attr {
	uint64_t fs, net, scoped;
};
struct path_beneath {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

enum {
	FS_EXECUTE = 1 << 0, FS_WRITE_FILE = 1 << 1, FS_READ_FILE = 1 << 2, FS_READ_DIR = 1 << 3,
	FS_REMOVE_FILE = 1 << 5, FS_MAKE_REG = 1 << 8, FS_TRUNCATE = 1 << 14,
};

// handled is every access this kernel's Landlock can refuse: files since version
// 1, renames between directories since 2, truncation since 3, TCP since 4, device
// ioctls since 5, abstract sockets and signals to others since 6.
static struct ruleset_attr handled(int abi)
{
	struct ruleset_attr a = {.fs = (1 << 13) - 1};
	if (abi >= 2)
		a.fs |= 1 << 13;
	if (abi >= 3)
		a.fs |= FS_TRUNCATE;
	if (abi >= 4)
		a.net = 3;
	if (abi >= 5)
		a.fs |= 1 << 15;
	if (abi >= 6)
		a.scoped = 3;
	return a;
}

// allow adds path if it exists.
static int allow(int ruleset, uint64_t handled, const char *path, uint64_t access)
{
	struct stat st;
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		access &= FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE;
	struct path_beneath rule = {.access = access & handled, .fd = fd};
	long r = syscall(SYS_landlock_add_rule, ruleset, 1, &rule, 0);
	close(fd);
	return (int)r;
}

// Where the worker keeps the host's root it reads, while it starts: the processor
// list; the limits of its cgroup (DuckDB 1.5 aborts if it sees the file and
// cannot read it); its own maps and threads. In a root of its own there is none
// of this and nothing to allow.
static const char *const start_read[] = {"/proc/self", "/sys/fs/cgroup", "/sys/devices/system/cpu", NULL};

static int landlock(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	if (abi < 1)
		return -1;
	struct ruleset_attr a = handled((int)abi);
	// An older kernel knows a shorter structure.
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &a, size, 0);
	if (ruleset < 0)
		return -1;
	int r = 0;
	if (zonebox_cell.proc >= 0) {
		struct path_beneath rule = {.access = FS_READ_FILE | FS_READ_DIR, .fd = zonebox_cell.proc};
		r |= (int)syscall(SYS_landlock_add_rule, ruleset, 1, &rule, 0);
	}
	for (int i = 0; !zonebox_cell.root && start_read[i] != NULL; i++)
		r |= allow(ruleset, a.fs, start_read[i], FS_READ_FILE | FS_READ_DIR);
	if (zonebox_cell.spill[0] != 0)
		r |= allow(ruleset, a.fs, zonebox_cell.spill,
			FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE | FS_READ_DIR | FS_MAKE_REG | FS_REMOVE_FILE);
	if (r == 0)
		r = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	close(ruleset);
	if (r == 0)
		zonebox_cell.landlock = (int)abi;
	return r;
}

static int limits(void)
{
	rlim_t cpu = (rlim_t)number("cpu"), file = 0, tasks = (rlim_t)number("tasks");
	if (zonebox_cell.spill[0] != 0)
		file = (rlim_t)number("spill");
	const struct {
		int resource;
		rlim_t soft, hard;
	} all[] = {
		{RLIMIT_CPU, cpu, cpu + 1},
		{RLIMIT_FSIZE, file, file},
		{RLIMIT_CORE, 0, 0},
		{RLIMIT_MEMLOCK, 0, 0},
		{RLIMIT_NOFILE, (rlim_t)number("files"), (rlim_t)number("files")},
		{RLIMIT_NPROC, tasks, tasks},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (all[i].resource == RLIMIT_NPROC && tasks == 0)
			continue;
		struct rlimit l = {all[i].soft, all[i].hard};
		if (setrlimit(all[i].resource, &l) != 0)
			return -1;
	}
	return 0;
}

// root gives the process a root directory that holds an empty directory for the
// engine's overflow and nothing else, both memory, or returns -1.
//
// It needs a mount namespace of its own and CAP_SYS_ADMIN in it. If the host lets
// it mount and not change its root (pivot_root refuses an initial ramdisk), there
// is no overflow directory either: the calls that use one take any name, and of
// the host's root Landlock hides what files hold, not that they are there.
static int root(void)
{
	static const char *const place[] = {"/tmp", "/run", "/dev", "/mnt"};
	const unsigned long closed = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	char size[96];
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -1;
	for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
		if (mount("zonebox", place[i], "tmpfs", closed, "size=16k,nr_inodes=8,mode=0755") != 0)
			continue;
		if (chdir(place[i]) != 0)
			return -1;
		long long spill = number("spill");
		if (spill > 0) {
			snprintf(size, sizeof size, "size=%lld,nr_inodes=4096,mode=0700", spill);
			if (mkdir("spill", 0700) != 0 || mount("zonebox-spill", "spill", "tmpfs", closed, size) != 0)
				return -1;
			snprintf(zonebox_cell.spill, sizeof zonebox_cell.spill, "%s/spill", place[i]);
		}
		// The old root is put on top of the new one and taken off again: no
		// directory is needed for it (pivot_root(2)).
		if (skipped("root") || syscall(SYS_pivot_root, ".", ".") != 0) {
			zonebox_cell.spill[0] = 0;
			if (chdir("/") != 0 || umount2(place[i], MNT_DETACH) != 0)
				_exit(EXIT_HARDEN); // a directory that nobody accounts for
			return -1;
		}
		if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
			_exit(EXIT_HARDEN); // neither root: never
		zonebox_cell.root = 1;
		if (spill > 0)
			strcpy(zonebox_cell.spill, "/spill");
		return mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | closed, NULL);
	}
	return -1;
}

// powerless gives up the capabilities that root needed. They counted only in the
// process's own user namespace.
static int powerless(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (int c = 0; prctl(PR_CAPBSET_DROP, c, 0, 0, 0) == 0; c++) {
	}
	return (int)syscall(SYS_capset, &header, none);
}

// enter makes the process, which is a copy of nothing of the gate's, what a worker
// begins as: of namespaces of its own, in which the gate says who it is, nobody's,
// with the capabilities that root needs, and dead when the gate is. Then it executes
// the program anew, so that its memory belongs to the user namespace too.
//
// The gate could do all this between fork and exec, but only after a fork that
// copies its page tables, which takes the longer the more the gate keeps.
static void enter(char **argv)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[2];
	char ready = 1;
	options = argv[2];
	uint32_t keep = (uint32_t)number("capabilities");
	if (unshare((int)number("namespaces")) != 0)
		_exit(EXIT_HARDEN);
	if (write(GATE, &ready, 1) != 1 || read(GATE, &ready, 1) != 1)
		_exit(EXIT_HARDEN);
	// A change of user takes capabilities from whoever was the namespace's root, which
	// this one has none of (user_namespaces(7)): they stay until capset leaves out the rest.
	long long user = number("user");
	if (user != 0 && (setgroups(0, NULL) != 0 || setgid((gid_t)user) != 0 || setuid((uid_t)user) != 0))
		_exit(EXIT_HARDEN);
	if (syscall(SYS_capget, &header, caps) != 0)
		_exit(EXIT_HARDEN);
	caps[0].permitted |= keep;
	caps[0].inheritable |= keep;
	if (syscall(SYS_capset, &header, caps) != 0)
		_exit(EXIT_HARDEN);
	for (unsigned long c = 0; c < 32; c++)
		if (keep >> c & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) != 0)
			_exit(EXIT_HARDEN);
	// A change of user forgets the signal. A gate that died before is not told of.
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != (pid_t)number("gate"))
		_exit(EXIT_HARDEN);
	argv[2] = argv[0];
	execve("/proc/self/fd/4", argv + 2, environ);
	_exit(EXIT_HARDEN);
}

__attribute__((constructor(101))) static void zonebox_confine(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "enter") == 0)
		enter(argv);
	if (argc != 4 || strcmp(argv[1], "serve") != 0)
		return;
	options = argv[3];
	if (!skipped("descriptors") && syscall(SYS_close_range, GATE + 1, ~0U, 0) != 0)
		refuse("descriptors");
	// Its own account of itself, for harden_linux.go to read and close.
	zonebox_cell.proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (number("mounts") && root() != 0 && !skipped("root"))
		refuse("root");
	if (!skipped("capabilities") && powerless() != 0)
		refuse("capabilities");
	if (!skipped("no_new_privs") && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		refuse("no_new_privs");
	if (!skipped("limits") && limits() != 0)
		refuse("limits");
	if (!skipped("landlock") && landlock() != 0)
		refuse("landlock");
}
