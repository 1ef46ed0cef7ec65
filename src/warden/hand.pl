#!/usr/bin/perl
# The warden's hand: makes the system calls that Node can't (mount API, chroot, setresuid, id-mapped mounts, pipes
# with an owner) and starts what must outlive the server. It decides nothing: src/warden/hand.ts is its only caller
# and sends a closed list of steps. Needs perl-base alone.
#
# Protocol. A request on stdin is a netstring `<length>:<bytes>,` whose bytes are netstrings: an id, then one for
# each step; a step's bytes are netstrings: its name, then its arguments. The steps of one request run in order in one
# child process and stop at the first failure. The answer on stdout is one netstring of at most 4096 bytes, so that
# writes of several children never mix: id, `ok` or the name of the failed step, errno, text. A child that was killed is
# answered for.
#
#   hand.pl [FOLDER]
#
# FOLDER is locked for as long as this process or a step that it began lives: what an earlier one was killed in the middle of is
# over before anything is begun here.
use strict;
use warnings;
use POSIX qw(:sys_wait_h setsid dup2 _exit);
use Fcntl qw(:DEFAULT :flock :mode);
use Errno qw(EAGAIN EBUSY EEXIST EINTR EINVAL ENOENT ESRCH);

# System call numbers of x86_64 (linux/arch/x86/entry/syscalls/syscall_64.tbl).
my %SYS = (
    wait4 => 61, ptrace => 101, setgroups => 116, setresuid => 117, setresgid => 119, prctl => 157, mount => 165, umount2 => 166,
    fsetxattr => 190, unshare => 272, fallocate => 285, syncfs => 306, open_tree => 428, move_mount => 429,
    mount_setattr => 442,
);
my $CLONE_NEWUSER = 0x10000000;
my $PR_SET_NO_NEW_PRIVS = 38;
my $PR_SET_PDEATHSIG = 1;
my $PR_SET_CHILD_SUBREAPER = 36;

die "x86_64 only\n" unless (POSIX::uname())[4] eq 'x86_64';

my %STEPS = (
    mkdir => \&step_mkdir, write => \&step_write, standin => \&step_standin,
    chdir => \&step_chdir, mount => \&step_mount, umount => \&step_umount, idmap => \&step_idmap,
    allocate => \&step_allocate, sync => \&step_sync, rmdir => \&step_rmdir, unlink => \&step_unlink,
    brief => sub { }, exec => \&step_exec, inside => \&step_inside, launch => \&step_launch, copyout => \&step_copyout,
    hold => \&step_hold, vacate => \&step_vacate,
);
my $LOCK_SECONDS = 30;
my $HOLD_SECONDS = 10;
my $lock;
my $patience = 1;
my $output = '';

main();

sub main {
    delete $ENV{LD_BIND_NOW};    # meant for this program alone
    # Conmon and the drains become orphans by design: their end is noticed here while this process lives.
    syscall($SYS{prctl}, $PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pipe my $ended, my $ended_w or die "pipe: $!\n";
    fcntl $ended_w, F_SETFL, O_WRONLY | O_NONBLOCK or die "fcntl: $!\n";
    $SIG{CHLD} = sub { local $!; syswrite $ended_w, 'c' };
    $SIG{PIPE} = 'IGNORE';
    $SIG{HUP} = 'IGNORE';
    $SIG{INT} = 'IGNORE';
    # Not ignored, which the programs that are started would inherit: whoever signals the whole group means the warden.
    $SIG{TERM} = sub { };
    umask 0;
    take_lock($ARGV[0]) if @ARGV;
    my $buffer = '';
    my %requests;    # by the process that does it
    while (1) {
        while (defined(my $request = take_netstring(\$buffer))) {
            next if is_brief($request) && run_request($request, 1);
            my $pid = fork;
            if (!defined $pid) {
                answer((fields($request))[0], 'fork', $!);
            } elsif ($pid == 0) {
                $SIG{CHLD} = 'DEFAULT';
                run_request($request, 400);
                _exit(0);
            } else {
                $requests{$pid} = (fields($request))[0];
            }
        }
        my $wanted = '';
        vec($wanted, fileno $_, 1) = 1 for \*STDIN, $ended;
        next if select($wanted, undef, undef, undef) < 1;
        if (vec $wanted, fileno $ended, 1) {
            sysread $ended, my $bytes, 4096;
            reap(\%requests);
        }
        next unless vec $wanted, fileno STDIN, 1;
        my $n = sysread STDIN, $buffer, 65536, length $buffer;
        next if !defined $n && $! == EINTR;
        last if !$n;
    }
    _exit(0);
}

# Whoever ended by itself has answered; of one that was killed after that, the second answer is nobody's.
sub reap {
    my ($requests) = @_;
    while ((my $pid = waitpid -1, WNOHANG) > 0) {
        my $id = delete $requests->{$pid};
        next if !defined $id || !$?;
        answer($id, 'killed', 0, 'the process that did it was ended by ' . ($? & 127 ? 'signal ' . ($? & 127) : 'a fault of its own'));
    }
}

# Inherited by every step, and so held until the last of them is over.
sub take_lock {
    my ($folder) = @_;
    sysopen $lock, $folder, O_RDONLY or die "open $folder: $!\n";
    for (1 .. $LOCK_SECONDS * 100) {
        return if flock $lock, LOCK_EX | LOCK_NB;
        select undef, undef, undef, 0.01;
    }
    warn "bulkhead: a step of an earlier server is still under way after $LOCK_SECONDS s; going on\n";
}

# Its first step says that all of it is done in less time than a process is made in.
sub is_brief { return (fields((fields($_[0]))[1]))[0] eq 'brief' }

# What is busy is tried so many times, some milliseconds apart. False where it was busy at the first and only try: nothing was
# answered then, and all of it may be done again.
sub run_request {
    my ($request, $tries) = @_;
    ($patience, $output) = ($tries, '');
    my ($id, @steps) = fields($request);
    for my $step (@steps) {
        my ($name, @arguments) = fields($step);
        my $code = $STEPS{$name};
        my $failure = $code ? eval { local $! = 0; $code->($id, @arguments); 1 } ? undef : $@ : "unknown step\n";
        if (defined $failure) {
            my ($errno, $text) = ref $failure ? @$failure : (0, $failure);
            return 0 if $errno == EBUSY && $tries == 1;
            answer($id, $name, $errno, $text);
            return 1;
        }
    }
    answer($id, 'ok', 0, $output);
    return 1;
}

# --- netstrings -------------------------------------------------------------------------------------------------

sub take_netstring {
    my ($buffer) = @_;
    return undef unless $$buffer =~ /\A([0-9]{1,9}):/;
    my ($length, $start) = ($1, length($1) + 1);
    return undef if length($$buffer) < $start + $length + 1;
    my $bytes = substr $$buffer, $start, $length;
    substr($$buffer, 0, $start + $length + 1) = '';
    return $bytes;
}

sub fields {
    my ($bytes) = @_;
    my ($at, @fields) = (0);
    while ($at < length $bytes) {
        my $colon = index $bytes, ':', $at;
        my $length = substr $bytes, $at, $colon - $at;
        push @fields, substr $bytes, $colon + 1, $length;
        $at = $colon + 1 + $length + 1;
    }
    return @fields;
}

sub netstring { return length($_[0]) . ':' . $_[0] . ',' }

sub answer {
    my ($id, $status, $errno, $text) = @_;
    $text = '' unless defined $text;
    $text = substr $text, -3600 if length $text > 3600;
    my $bytes = netstring(join '', map { netstring($_) } $id, $status, $errno + 0, $text);
    syswrite STDOUT, $bytes;
}

# A failed system call ends the step: [errno, what was tried].
sub fail {
    my ($what) = @_;
    my $errno = $! + 0;
    die [$errno, "$what: $!"];
}

# --- steps: files -----------------------------------------------------------------------------------------------

# mkdir PATH MODE UID GID: an existing folder stays as it is.
sub step_mkdir {
    my (undef, $path, $mode, $uid, $gid) = @_;
    if (!mkdir $path, oct $mode) {
        fail("mkdir $path") if $! != EEXIST;
        return;
    }
    chmod oct($mode), $path or fail("chmod $path");
    chown $uid, $gid, $path or fail("chown $path");
}

# write PATH MODE UID GID BYTES: never through a symbolic link.
sub step_write {
    my (undef, $path, $mode, $uid, $gid, $bytes) = @_;
    sysopen my $file, $path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, oct $mode or fail("open $path");
    write_all($file, $bytes) or fail("write $path");
    chmod oct($mode), $file or fail("chmod $path");
    chown $uid, $gid, $file or fail("chown $path");
    close $file or fail("close $path");
}

# standin PATH MODE UID GID SIZE MTIME REDIRECT: a new file of that size without blocks, whose data an overlay finds at
# REDIRECT in a lower layer. Source: overlayfs.rst, "Metadata only copy up".
sub step_standin {
    my (undef, $path, $mode, $uid, $gid, $size, $mtime, $redirect) = @_;
    sysopen my $file, $path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, oct $mode or fail("open $path");
    truncate $file, $size or fail("truncate $path");
    my $number = fileno $file;
    for (['trusted.overlay.metacopy', ''], ['trusted.overlay.redirect', $redirect]) {
        my ($name, $value) = @$_;
        syscall($SYS{fsetxattr}, $number, $name, $value, length $value, 0) == 0 or fail("set $name of $path");
    }
    chmod oct($mode), $file or fail("chmod $path");
    chown $uid, $gid, $file or fail("chown $path");
    utime $mtime, $mtime, $file or fail("set the time of $path");
    close $file or fail("close $path");
}

# allocate PATH MODE SIZE: a file whose blocks are reserved, so that a full disk shows at once and not at write-back.
sub step_allocate {
    my (undef, $path, $mode, $size) = @_;
    sysopen my $file, $path, O_WRONLY | O_CREAT | O_NOFOLLOW, oct $mode or fail("open $path");
    syscall($SYS{fallocate}, fileno $file, 0, 0, $size + 0) == 0 or fail("allocate $size bytes for $path");
    close $file or fail("close $path");
}

# rmdir PATH: what isn't there is no failure. A control group is busy until the last of its processes is quite gone.
sub step_rmdir {
    my (undef, $path) = @_;
    for my $try (1 .. $patience) {
        return if rmdir $path or $! == ENOENT;
        fail("rmdir $path") if $! != EBUSY or $try == $patience;
        select undef, undef, undef, 0.005;
    }
}

# vacate PATH: ends whatever is in a control group, and removes it. The number 0 is a process of a namespace that isn't seen here.
sub step_vacate {
    my (undef, $path) = @_;
    if (open my $processes, '<', "$path/cgroup.procs") {
        kill 'KILL', grep { $_ > 1 } map { chomp; $_ } <$processes>;
    }
    step_rmdir(undef, $path);
}

sub step_unlink {
    my (undef, $path) = @_;
    unlink $path or $! == ENOENT or fail("unlink $path");
}

sub step_chdir { chdir $_[1] or fail("chdir $_[1]") }

# sync PATH: says EIO where a write to the file system was lost.
sub step_sync {
    my (undef, $path) = @_;
    sysopen my $file, $path, O_RDONLY or fail("open $path");
    syscall($SYS{syncfs}, fileno $file) == 0 or fail("sync $path");
}

# --- steps: mounts ----------------------------------------------------------------------------------------------

# mount SOURCE TARGET TYPE FLAGS DATA
sub step_mount {
    my (undef, $source, $target, $type, $flags, $data) = @_;
    syscall($SYS{mount}, $source, $target, $type, $flags + 0, $data) == 0 or fail("mount $type on $target");
}

# umount TARGET FLAGS: what isn't mounted is no failure. A process at its very end, such as a drain that has said its last
# word, holds its root for a moment more.
sub step_umount {
    my (undef, $target, $flags) = @_;
    for my $try (1 .. $patience) {
        return if syscall($SYS{umount2}, $target, $flags + 0) == 0 or $! == EINVAL or $! == ENOENT;
        fail("umount $target") if $! != EBUSY or $try == $patience;
        select undef, undef, undef, 0.005;
    }
}

# idmap SOURCE TARGET FROM TO SIZE FLAGS: a bind mount on which what is owned by FROM+n on disk is owned by TO+n.
# Source: mount_setattr(2), "ID-mapped mounts".
sub step_idmap {
    my (undef, $source, $target, $from, $to, $size, $flags) = @_;
    pipe my $ready, my $ready_w or fail('pipe');
    pipe my $go, my $go_w or fail('pipe');
    my $child = fork;
    defined $child or fail('fork');
    if (!$child) {
        syscall($SYS{prctl}, $PR_SET_PDEATHSIG, 9, 0, 0, 0);
        syswrite $ready_w, syscall($SYS{unshare}, $CLONE_NEWUSER) == 0 ? 'y' : 'n';
        close $go_w;
        sysread $go, my $byte, 1;
        _exit(0);
    }
    close $go;
    sysread $ready, my $byte, 1;
    my $done = eval {
        $byte eq 'y' or die [0, "no user namespace can be made"];
        for my $map ('uid_map', 'gid_map') {
            sysopen my $file, "/proc/$child/$map", O_WRONLY or fail("open $map");
            defined syswrite $file, "$from $to $size\n" or fail("write $map");
        }
        sysopen my $namespace, "/proc/$child/ns/user", O_RDONLY or fail('open user namespace');
        my $nothing = "\0";    # the empty path; syscall wants a variable
        my $tree = syscall($SYS{open_tree}, -100, $source, 1 | 0x80000);    # OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
        $tree >= 0 or fail("open_tree $source");
        # struct mount_attr: attr_set, attr_clr, propagation, userns_fd. MOUNT_ATTR_IDMAP is 0x100000; MS_PRIVATE 1 << 18.
        my $attributes = pack 'QQQQ', 0x100000 | $flags, 0, 1 << 18, fileno $namespace;
        syscall($SYS{mount_setattr}, $tree, $nothing, 0x1000, $attributes, length $attributes) == 0
            or fail("id-map $source");
        syscall($SYS{move_mount}, $tree, $nothing, -100, $target, 4) == 0 or fail("move_mount $target");
        POSIX::close($tree);
        1;
    };
    my $failure = $@;
    close $go_w;
    waitpid $child, 0;
    die $failure if !$done;
}

# --- steps: processes -------------------------------------------------------------------------------------------

# exec PROGRAM ARGUMENT…: waits; what it prints becomes the answer's text; fails where it doesn't exit with 0.
sub step_exec {
    my (undef, @argv) = @_;
    pipe my $reader, my $writer or fail('pipe');
    my $child = fork;
    defined $child or fail('fork');
    if (!$child) {
        open STDIN, '<', '/dev/null';
        dup2(fileno $writer, 1);
        dup2(fileno $writer, 2);
        exec { $argv[0] } @argv or _exit(127);
    }
    close $writer;
    my $text = '';
    while (1) {
        my $n = sysread $reader, my $bytes, 65536;
        next if !defined $n && $! == EINTR;
        last if !$n;
        $text = substr $text . $bytes, -3600;
    }
    waitpid $child, 0;
    die [$? >> 8, "$argv[0]: " . ($text || 'exit ' . ($? >> 8))] if $?;
    $output = $text;
}

# hold PID START FIFO: the first process of a container of crun, whose start time is START, goes through its gate, and is stopped
# where the kernel has executed the image's init and that has not run one instruction. Where it can't be, it is killed.
# Source: ptrace(2), "PTRACE_EVENT_EXEC".
sub step_hold {
    my (undef, $pid, $start, $fifo) = @_;
    my ($SEIZE, $CONT, $DETACH, $TRACEEXEC, $EXITKILL, $EVENT_EXEC) = (0x4206, 7, 17, 0x10, 0x100000, 4);
    my ($state, $started) = (stat_fields($pid))[0, 19];
    defined $started && $started == $start or die [ESRCH, "the container's first process is gone"];
    # From here on, who ends before it lets go takes the process with it.
    syscall($SYS{ptrace}, $SEIZE, $pid + 0, 0, $TRACEEXEC | $EXITKILL) == 0
        or fail("ptrace $pid, without which a container of crun can't be read back");
    sysopen my $gate, $fifo, O_WRONLY | O_NONBLOCK | O_NOFOLLOW or fail("open $fifo");
    syswrite $gate, '0' or fail("write $fifo");
    close $gate;
    local $SIG{ALRM} = sub { };
    alarm $HOLD_SECONDS;
    while (1) {
        my $status = pack 'l', 0;
        my $found = syscall($SYS{wait4}, $pid + 0, $status, 0x40000000, 0);    # __WALL
        fail("wait for $pid, which executes nothing in $HOLD_SECONDS s") if $found < 0;
        $status = unpack 'l', $status;
        die [0, "the container's first process ended before its first instruction"] if ($status & 0xff) != 0x7f;
        my ($signal, $event) = ($status >> 8 & 0xff, $status >> 16);
        last if $event == $EVENT_EXEC;
        syscall($SYS{ptrace}, $CONT, $pid + 0, 0, $event ? 0 : $signal) == 0 or fail("ptrace $pid");
    }
    alarm 0;
    # It waits for the process, which takes the signal before it returns from the kernel.
    kill 'STOP', $pid or fail("stop $pid");
    syscall($SYS{ptrace}, $DETACH, $pid + 0, 0, 0) == 0 or fail("let go of $pid");
    for (1 .. $HOLD_SECONDS * 1000) {
        $state = (stat_fields($pid))[0];
        return if defined $state && $state eq 'T';
        die [0, "the container's first process ended before its first instruction"] if !defined $state || $state =~ /[ZX]/;
        select undef, undef, undef, 0.001;
    }
    kill 'KILL', $pid;
    die [0, "the container's first process does not stop for $HOLD_SECONDS s"];
}

# inside ROOT UID GID STEP…: file steps from within a root folder, without any privilege: paths can't lead out of it.
sub step_inside {
    my (undef, $root, $uid, $gid, @steps) = @_;
    confined($root, $uid, $gid, sub {
        for my $step (@steps) {
            my ($name, @arguments) = fields($step);
            if ($name eq 'mkpath') { inside_mkpath(@arguments) }
            elsif ($name eq 'file') { inside_file(@arguments) }
            elsif ($name eq 'append') { inside_append(@arguments) }
            else { die "unknown step $name\n" }
        }
    });
}

# Runs code in a child from within a root folder without privilege; its failure becomes the step's.
sub confined {
    my ($root, $uid, $gid, $code) = @_;
    pipe my $reader, my $writer or fail('pipe');
    my $child = fork;
    defined $child or fail('fork');
    if (!$child) {
        my $ok = eval { confine($root, $uid, $gid); $code->(); 1 };
        my $failure = $@;
        syswrite $writer, ref $failure ? "$failure->[0] $failure->[1]" : "0 $failure" if !$ok;
        _exit($ok ? 0 : 1);
    }
    close $writer;
    my $text = '';
    while (sysread $reader, my $bytes, 4096) { $text .= $bytes }
    waitpid $child, 0;
    return if !$?;
    my ($errno, $message) = $text =~ /\A([0-9]+) (.*)\z/s ? ($1, $2) : (0, 'the confined process ended');
    die [$errno, $message];
}

# copyout ROOT UID GID PATH TARGET: a regular file found from within ROOT as UID, as a new file of UID on the host.
sub step_copyout {
    my (undef, $root, $uid, $gid, $path, $target) = @_;
    unlink $target;
    sysopen my $out, $target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0400 or fail("create $target");
    chown $uid, $gid, $out or fail("chown $target");
    confined($root, $uid, $gid, sub {
        sysopen my $in, $path, O_RDONLY | O_NONBLOCK or fail("opening $path for stdin");
        -f $in or do { $! = EINVAL; fail("opening $path for stdin, which is not a regular file") };
        while (1) {
            my $n = sysread $in, my $bytes, 1 << 20;
            next if !defined $n && $! == EINTR;
            defined $n or fail("read $path");
            last if !$n;
            write_all($out, $bytes) or fail("copy of $path");
        }
    });
}

# mkpath PATH MODE LASTMODE: each missing folder of the path; the last one with its own mode.
sub inside_mkpath {
    my ($path, $mode, $last_mode) = @_;
    my @parts = grep { length } split m{/}, $path;
    my $at = '';
    while (@parts) {
        $at .= '/' . shift @parts;
        next if -d $at;
        mkdir $at or fail("mkdir $at");
        chmod oct(@parts ? $mode : $last_mode), $at or fail("chmod $at");
    }
}

# file PATH MODE BYTES: replaced where it exists, whatever it is.
sub inside_file {
    my ($path, $mode, $bytes) = @_;
    unlink $path;
    sysopen my $file, $path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, oct $mode or fail("create $path");
    write_all($file, $bytes) or fail("write $path");
    chmod oct($mode), $file or fail("chmod $path");
}

# append PATH BYTES: only where the file is there.
sub inside_append {
    my ($path, $bytes) = @_;
    sysopen my $file, $path, O_WRONLY | O_APPEND | O_NONBLOCK or return;
    return unless -f $file;
    write_all($file, $bytes) or fail("write $path");
}

# Into a root folder as an unprivileged user, for good. chroot is no boundary for uid 0: uid must not be 0.
sub confine {
    my ($root, $uid, $gid) = @_;
    $uid > 0 && $gid > 0 or die "only an unprivileged id can be confined\n";
    chroot $root or fail("chroot $root");
    chdir '/' or fail('chdir /');
    syscall($SYS{setgroups}, 0, 0) == 0 or fail('setgroups');
    syscall($SYS{setresgid}, $gid + 0, $gid + 0, $gid + 0) == 0 or fail('setresgid');
    syscall($SYS{setresuid}, $uid + 0, $uid + 0, $uid + 0) == 0 or fail('setresuid');
    syscall($SYS{prctl}, $PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 or fail('no_new_privs');
}

# launch FOLDER DONE LIMIT ROOT UID GID STDIN STDOUT STDERR CONMON…
# Starts conmon, whose container gets STDIN (a file; empty: nothing) and two pipes that belong to UID, answers with the
# container's process id, and then drains the pipes for as long as the container lives: into FOLDER/stdout and
# FOLDER/stderr up to LIMIT bytes each, reserved beforehand, and whole into STDOUT and STDERR (paths inside ROOT; may
# be empty), which are opened from within ROOT as UID. DONE begins with a line by which this process is known, its id and
# its start time; written last are four netstrings, the bytes of both streams and what went wrong with both paths.
sub step_launch {
    my ($id, $folder, $done_path, $limit, $log_group, $root, $uid, $gid, $stdin, $stdout, $stderr, @conmon) = @_;
    setsid();
    my (@logs, @readers, @writers);
    for my $name ('stdout', 'stderr') {
        sysopen my $log, "$folder/$name", O_WRONLY | O_CREAT | O_TRUNC, 0640 or fail("open $folder/$name");
        chown 0, $log_group, $log or fail("chown $folder/$name");
        syscall($SYS{fallocate}, fileno $log, 1, 0, $limit + 0) == 0 or fail("reserve $limit bytes for the log");
        pipe my $reader, my $writer or fail('pipe');
        chown $uid, $gid, $writer or fail('chown pipe');
        push @logs, $log;
        push @readers, $reader;
        push @writers, $writer;
    }
    sysopen my $done, $done_path, O_WRONLY | O_CREAT | O_TRUNC, 0640 or fail("open $done_path");
    chown 0, $log_group, $done or fail("chown $done_path");
    syswrite $done, "$$ " . start_time() . "\n" or fail("write $done_path");
    my $input = $stdin eq '' ? undef : open_apart($stdin);
    if (!$input) { sysopen $input, '/dev/null', O_RDONLY or fail('open /dev/null') }
    pipe my $sync, my $sync_w or fail('pipe');
    pipe my $go, my $go_w or fail('pipe');
    my $child = fork;
    defined $child or fail('fork');
    if (!$child) {
        close $go_w;
        sysread($go, my $byte, 1) or _exit(1);
        chdir $folder;
        # 0, 1, 2 and one more stay open; conmon reads its number from the environment.
        my $passed = POSIX::dup(fileno $sync_w);
        dup2(fileno $input, 0);
        dup2(fileno $writers[0], 1);
        dup2(fileno $writers[1], 2);
        umask 022;
        %ENV = (PATH => '/usr/sbin:/usr/bin:/sbin:/bin', _OCI_SYNCPIPE => $passed);
        exec { $conmon[0] } @conmon or _exit(127);
    }
    close $_ for @writers, $sync_w, $go, $input;
    # Before it is let go: whoever finds the container finds who waits for it.
    step_write(undef, "$folder/conmon.pid", '0600', 0, 0, $child);

    my @tees = (undef, undef);
    my @tee_paths = ($stdout, $stderr);
    if ($stdout ne '' || $stderr ne '') {
        confine($root, $uid, $gid);
        for my $i (0, 1) {
            next if $tee_paths[$i] eq '';
            my $name = $i ? 'stderr' : 'stdout';
            (my $parent = $tee_paths[$i]) =~ s{/[^/]*\z}{};
            inside_mkpath($parent, '0775', '0775');
            my $flags = O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK;
            $flags |= O_TRUNC unless $i && $tee_paths[1] eq $tee_paths[0];
            sysopen $tees[$i], $tee_paths[$i], $flags, 0664 or fail("opening $tee_paths[$i] for $name");
            -f $tees[$i] or do { $! = EINVAL; fail("opening $tee_paths[$i] for $name, which is not a regular file") };
        }
    }
    syswrite $go_w, 'g';
    close $go_w;
    my $report = '';
    while ($report !~ /\n/) {
        my $n = sysread $sync, $report, 65536, length $report;
        next if !defined $n && $! == EINTR;
        last if !$n;
    }
    my ($pid) = $report =~ /"(?:pid|data)"\s*:\s*(-?[0-9]+)/;    # the key depends on conmon's version
    if (!$pid || $pid < 0) {
        waitpid $child, 0;
        my ($message) = $report =~ /"message"\s*:\s*"((?:[^"\\]|\\.)*)"/;
        die [0, $message || "conmon said: $report"];
    }
    answer($id, 'ok', 0, $pid);
    # The server may go away; nobody must wait for this process or be told of its end.
    close $_ for \*STDIN, \*STDOUT, \*STDERR, $sync, grep { defined } $lock;
    my $summary = drain(\@readers, \@logs, \@tees, $limit);
    syswrite $done, $summary;
    close $done;
    _exit(0);
}

# A file to read, on a read-only mount of its folder that is attached nowhere: what /proc/PID/fd shows of it is its name,
# and no place of this host. Source: open_tree(2), OPEN_TREE_CLONE.
sub open_apart {
    my ($path) = @_;
    my ($folder, $name) = $path =~ m{\A(.*)/([^/]+)\z};
    my $nothing = "\0";    # the empty path; syscall wants a variable
    my $tree = syscall($SYS{open_tree}, -100, $folder, 1 | 0x80000);    # OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
    $tree >= 0 or fail("open_tree $folder");
    my $attributes = pack 'QQQQ', 1, 0, 0, 0;    # MOUNT_ATTR_RDONLY
    syscall($SYS{mount_setattr}, $tree, $nothing, 0x1000, $attributes, length $attributes) == 0
        or fail("mount_setattr $folder");
    sysopen my $file, "/proc/self/fd/$tree/$name", O_RDONLY | O_NOFOLLOW or fail("open $path");
    POSIX::close($tree);
    return $file;
}

# In clock ticks since the host started: with the process id, it names a process for as long as the host runs.
sub start_time { return (stat_fields('self'))[19] }

# Its state and what follows; nothing where it is gone. The name in parentheses before may hold anything. Source: proc_pid_stat(5).
sub stat_fields {
    my ($pid) = @_;
    open my $stat, '<', "/proc/$pid/stat" or return;
    my $line = <$stat>;
    return defined $line && $line =~ /.*\) (.*)/ ? split / /, $1 : ();
}

sub drain {
    my ($readers, $logs, $tees, $limit) = @_;
    my @total = (0, 0);
    my @stored = (0, 0);
    my @problem = ('', '');
    my %open = map { $_ => 1 } 0, 1;
    while (%open) {
        my $wanted = '';
        vec($wanted, fileno $readers->[$_], 1) = 1 for keys %open;
        my $found = select my $got = $wanted, undef, undef, undef;
        next if $found < 1;
        for my $i (sort keys %open) {
            next unless vec $got, fileno $readers->[$i], 1;
            my $n = sysread $readers->[$i], my $bytes, 65536;
            next if !defined $n && ($! == EINTR || $! == EAGAIN);
            if (!$n) { delete $open{$i}; next }
            $total[$i] += $n;
            my $room = $limit - $stored[$i];
            if ($room > 0) {
                my $part = $n > $room ? substr $bytes, 0, $room : $bytes;
                if (write_all($logs->[$i], $part)) { $stored[$i] += length $part } else { $stored[$i] = $limit }
            }
            if ($tees->[$i] && !write_all($tees->[$i], $bytes)) {
                $problem[$i] = "$!";
                $tees->[$i] = undef;
            }
        }
    }
    for my $i (0, 1) {
        truncate $logs->[$i], sysseek($logs->[$i], 0, 1) + 0;    # gives back what was reserved and not used
        close $logs->[$i];
        close $tees->[$i] if $tees->[$i];
    }
    return join '', map { netstring($_) } @total, @problem;
}

sub write_all {
    my ($file, $bytes) = @_;
    my $at = 0;
    while ($at < length $bytes) {
        my $n = syswrite $file, $bytes, length($bytes) - $at, $at;
        next if !defined $n && $! == EINTR;
        return 0 if !defined $n;
        $at += $n;
    }
    return 1;
}
