#!/usr/bin/perl
# Runs a program that sees a few folders of this host and nothing else, as a user without privilege or with few
# capabilities. src/warden/jail.ts is its only caller. Needs perl-base alone.
#
#   jail.pl ROOT UID GID CAPABILITIES PARENT NETWORK CWD {ro|rw|dev|lent|strange|tmp|proc PATH}... -- PROGRAM ARGUMENT...
#
# ROOT is an empty folder to build the new root on; CAPABILITIES a bit mask that is kept, decimal; PARENT the process
# with which the program dies; NETWORK `host` or `none`. Folders on the way to a PATH are made in the new root: what lies
# beside it isn't there. `lent` is read-only, and what belongs to the owner of PATH is the program's to read, whatever its
# permission bits; where the file system can't do that, a small file as
# it is now, and else only what anybody may read. `strange` is read-only and somebody else's: no symbolic link on the way to it is followed. A PATH that isn't there is passed over.
#
# The program has a process namespace of its own: it signals no process of the host, and nothing that it started outlives it. Three processes stand in a row: this one, which passes signals on and ends as the program does; the first of
# the namespace, which waits for orphans; and the program. None of them has more privilege than the program.
use strict;
use warnings;
use Fcntl qw(O_RDONLY);
use POSIX ();

# System call numbers of x86_64 (linux/arch/x86/entry/syscalls/syscall_64.tbl).
my %SYS = (
    setgroups => 116, setresuid => 117, setresgid => 119, pivot_root => 155, prctl => 157, mount => 165, umount2 => 166,
    unshare => 272, open_tree => 428, move_mount => 429, openat2 => 437, mount_setattr => 442,
);
my ($CLONE_NEWNS, $CLONE_NEWIPC, $CLONE_NEWUSER, $CLONE_NEWPID, $CLONE_NEWNET) = (0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000);
my ($MS_NOSUID, $MS_NODEV, $MS_BIND, $MS_REC, $MS_PRIVATE) = (2, 4, 0x1000, 0x4000, 0x40000);
my $MNT_DETACH = 2;
my ($ATTR_RDONLY, $ATTR_NOSUID, $ATTR_NODEV) = (1, 2, 4);
my ($AT_FDCWD, $AT_RECURSIVE) = (-100, 0x8000);
my ($O_PATH, $O_CLOEXEC, $RESOLVE_NO_SYMLINKS) = (010000000, 02000000, 4);
my ($PR_SET_PDEATHSIG, $PR_CAPBSET_DROP, $PR_SET_NO_NEW_PRIVS, $SIGKILL) = (1, 24, 38, 9);
my $LAST_CAPABILITY = 63;
my $COPIED_BYTES = 1 << 20;
my $nothing = "\0";

die "x86_64 only\n" unless (POSIX::uname())[4] eq 'x86_64';
my ($root, $uid, $gid, $capabilities, $parent, $network, $cwd, @rest) = @ARGV;
my @places;
while (@rest && $rest[0] ne '--') {
    push @places, [splice @rest, 0, 2];
}
shift @rest;
die "no program\n" unless @rest;

# No terminal of whoever started this: its input could be forged (TIOCSTI in ioctl_tty(2)).
POSIX::setsid();
call('unshare', $CLONE_NEWNS);
call('mount', $nothing, path('/'), $nothing, $MS_REC | $MS_PRIVATE, 0);
call('mount', path('tmpfs'), path($root), path('tmpfs'), $MS_NOSUID | $MS_NODEV, path('mode=755,size=16m'));
# A folder before what lies in it.
for my $place (sort { $a->[1] cmp $b->[1] } @places) {
    show(@$place);
}
my $old = "$root/.old";
mkdir $old, 0700 or die "$old: $!\n";
call('pivot_root', path($root), path($old));
chdir '/' or die "/: $!\n";
chdir $cwd or die "$cwd: $!\n";

call('unshare', $CLONE_NEWPID | $CLONE_NEWIPC | ($network eq 'none' ? $CLONE_NEWNET : 0));
pipe my $status, my $status_w or die "pipe: $!\n";
pipe my $alive, my $alive_w or die "pipe: $!\n";
pipe my $built, my $built_w or die "pipe: $!\n";
my $first = fork // die "fork: $!\n";
if ($first == 0) {
    close $_ for $status, $alive_w, $built;
    be_first();
}
close $_ for $status_w, $alive, $built_w;
sysread $built, my $end, 1;
attributes('/', $ATTR_RDONLY, 0);
give_up();
POSIX::_exit(1) if getppid() != $parent;
pass_signals($first);
my $said = '';
until (defined sysread $status, $said, 16) { }
1 while waitpid($first, 0) < 0 && $!{EINTR};
end_as($said eq '' ? $SIGKILL : $said);

# Of the process namespace: the kernel ends all of it with this one.
sub be_first {
    for my $place (grep { $_->[0] eq 'proc' } @places) {
        call('mount', path('proc'), path($place->[1]), path('proc'), $MS_NOSUID | $MS_NODEV, 0);
        attributes($place->[1], $ATTR_RDONLY, 0);
    }
    # Not before: in a user namespace, the kernel lets nobody mount a /proc who doesn't see all of one.
    call('umount2', path('/.old'), $MNT_DETACH);
    rmdir '/.old';
    close $built_w;
    give_up();
    # The parent is none of this namespace: only its end of the pipe tells that it is there.
    my $is_readable = '';
    vec($is_readable, fileno $alive, 1) = 1;
    POSIX::_exit(1) if select $is_readable, undef, undef, 0;
    my $program = fork // die "fork: $!\n";
    if ($program == 0) {
        exec { $rest[0] } @rest or print STDERR "$rest[0]: $!\n";
        POSIX::_exit($!{ENOENT} ? 127 : 126);
    }
    pass_signals($program);
    while (1) {
        my $ended = waitpid -1, 0;
        next if $ended != $program;
        syswrite $status_w, $?;
        POSIX::_exit(0);
    }
}

sub pass_signals {
    my ($pid) = @_;
    for my $name (qw(TERM INT HUP USR1 USR2)) {
        $SIG{$name} = sub { kill $name, $pid };
    }
}

sub end_as {
    my ($wait_status) = @_;
    my $signal = $wait_status & 127;
    if ($signal) {
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP USR1 USR2);
        kill $signal, $$;
    }
    POSIX::_exit($wait_status >> 8);
}

# All that the program isn't to have, for good.
sub give_up {
    syscall($SYS{prctl}, $PR_CAPBSET_DROP, $_, 0, 0, 0) for grep { !($capabilities & (1 << $_)) } 0 .. $LAST_CAPABILITY - 1;
    call('setgroups', 0, 0);
    call('setresgid', $gid + 0, $gid + 0, $gid + 0);
    call('setresuid', $uid + 0, $uid + 0, $uid + 0);
    call('prctl', $PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    die "not the user that was asked for\n" if $< != $uid || $> != $uid || "$(" ne "$gid" || "$)" ne "$gid";
    # After the change of user, which clears it.
    call('prctl', $PR_SET_PDEATHSIG, $SIGKILL, 0, 0, 0);
}

sub show {
    my ($how, $path) = @_;
    my $at = $root . $path;
    make_way($at);
    if ($how eq 'tmp') {
        mkdir $at, 0700 or $!{EEXIST} or die "$at: $!\n";
        call('mount', path('tmpfs'), path($at), path('tmpfs'), $MS_NOSUID | $MS_NODEV, path('mode=1777,size=512m'));
        return;
    }
    my $source = $path;
    if ($how eq 'strange') {
        my $wanted = pack 'Q3', $O_PATH | $O_CLOEXEC, 0, $RESOLVE_NO_SYMLINKS;
        my $fd = syscall($SYS{openat2}, $AT_FDCWD, path($path), $wanted, length $wanted);
        die "$path: $!\n" if $fd < 0;
        $source = "/proc/self/fd/$fd";
    }
    return if !lstat $path;
    if ($how eq 'proc') {
        mkdir $at, 0555 or $!{EEXIST} or die "$at: $!\n";
        return;    # mounted by the first process that belongs to it
    }
    if ($how ne 'strange' && -l _ && !-e $at) {
        symlink readlink($path), $at or die "$at: $!\n";
        return;
    }
    if (!-e $at) {
        if (-d "$source/.") { mkdir $at, 0755 or die "$at: $!\n" }
        else { open my $file, '>', $at or die "$at: $!\n" }
    }
    return if $how eq 'lent' && (lend($path, $at) || copy_for_program($path, $at));
    call('mount', path($source), path($at), $nothing, $MS_BIND | $MS_REC, 0);
    my $closed = $how ne 'rw' && $how ne 'dev';
    attributes($at, $ATTR_NOSUID | ($how eq 'dev' ? 0 : $ATTR_NODEV) | ($closed ? $ATTR_RDONLY : 0), $AT_RECURSIVE);
}

# Where nothing can be id-mapped, as in a user namespace: a small file as it is now.
sub copy_for_program {
    my ($path, $at) = @_;
    return 0 if !-f $path || -s _ > $COPIED_BYTES;
    sysopen my $from, $path, O_RDONLY or return 0;
    defined sysread $from, my $bytes, $COPIED_BYTES or return 0;
    open my $to, '>', $at or die "$at: $!\n";
    print {$to} $bytes and chmod 0400, $to and chown $uid, $gid, $to and close $to or die "$at: $!\n";
    return 1;
}

# An id-mapped mount, on which the owner's ids are the program's. Source: mount_setattr(2).
sub lend {
    my ($path, $at) = @_;
    my ($owner, $group) = (stat $path)[4, 5];
    pipe my $ready, my $ready_w or die "pipe: $!\n";
    pipe my $go, my $go_w or die "pipe: $!\n";
    my $child = fork // die "fork: $!\n";
    if ($child == 0) {
        close $go_w;
        syswrite $ready_w, syscall($SYS{unshare}, $CLONE_NEWUSER) == 0 ? 'y' : 'n';
        sysread $go, my $byte, 1;
        POSIX::_exit(0);
    }
    close $go;
    sysread $ready, my $byte, 1;
    my $is_mapped = $byte eq 'y' && map_ids($child, 'uid_map', $owner, $uid) && map_ids($child, 'gid_map', $group, $gid);
    my $is_lent = 0;
    if ($is_mapped && open my $namespace, '<', "/proc/$child/ns/user") {
        $is_lent = move_mapped($path, $at, fileno $namespace);
    }
    close $go_w;
    waitpid $child, 0;
    return $is_lent;
}

sub map_ids {
    my ($child, $map, $from, $to) = @_;
    open my $file, '>', "/proc/$child/$map" or return 0;
    return defined syswrite $file, "$from $to 1\n";
}

sub move_mapped {
    my ($path, $at, $namespace) = @_;
    my ($OPEN_TREE_CLONE, $AT_EMPTY_PATH, $ATTR_IDMAP, $FROM_EMPTY_PATH) = (1, 0x1000, 0x100000, 4);
    my $tree = syscall($SYS{open_tree}, $AT_FDCWD, path($path), $OPEN_TREE_CLONE | $O_CLOEXEC);
    return 0 if $tree < 0;
    my $wanted = pack 'Q4', $ATTR_RDONLY | $ATTR_NOSUID | $ATTR_NODEV | $ATTR_IDMAP, 0, 0, $namespace;
    my $is_moved = syscall($SYS{mount_setattr}, $tree, $nothing, $AT_EMPTY_PATH, $wanted, length $wanted) == 0
        && syscall($SYS{move_mount}, $tree, $nothing, $AT_FDCWD, path($at), $FROM_EMPTY_PATH) == 0;
    POSIX::close($tree);
    return $is_moved;
}

sub make_way {
    my ($at) = @_;
    my @parts = split m{/}, substr $at, 1;
    pop @parts;
    my $here = '';
    for my $part (@parts) {
        $here .= "/$part";
        mkdir $here, 0755 or $!{EEXIST} or die "$here: $!\n";
    }
}

sub attributes {
    my ($at, $set, $flags) = @_;
    my $wanted = pack 'Q4', $set, 0, 0, 0;
    call('mount_setattr', $AT_FDCWD, path($at), $flags, $wanted, length $wanted);
}

# perl hands a string to the kernel as a pointer only where it was never a number.
sub path { return "$_[0]\0" }

sub call {
    my ($name, @arguments) = @_;
    syscall($SYS{$name}, @arguments) == 0 or die "$name: $!\n";
}
