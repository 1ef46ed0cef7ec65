#!/usr/bin/perl
# Counts containers that ran something, from outside: the kernel asks before each execution of the init, and of what is in the
# file system of a container that has one, and goes on once it was answered. That the init was executed alone says nothing: on
# crun it is held there until it may start. One line on stdout for the first program that each init executed, the control
# groups of that process as in /proc/PID/cgroup, joined by spaces.
#
#   start-counter.pl INIT
#
# Ends with its stdin; whoever waits for an answer then goes on. Source: fanotify(7). Needs perl-base alone, and root.
use strict;
use warnings;
use POSIX ();

# System call numbers of x86_64 (linux/arch/x86/entry/syscalls/syscall_64.tbl).
my %SYS = (fanotify_init => 300, fanotify_mark => 301);
my ($FAN_CLASS_CONTENT, $FAN_CLOEXEC) = (4, 1);
my ($FAN_MARK_ADD, $FAN_MARK_FILESYSTEM, $FAN_OPEN_EXEC_PERM, $FAN_ALLOW) = (1, 0x100, 0x00040000, 1);
my $AT_FDCWD = -100;

my $fd = syscall($SYS{fanotify_init}, $FAN_CLASS_CONTENT | $FAN_CLOEXEC, 0);
$fd >= 0 or die "fanotify_init: $!\n";
mark($FAN_MARK_ADD, $ARGV[0]) or die "fanotify_mark $ARGV[0]: $!\n";
my $init = join ':', (stat $ARGV[0])[0, 1];
my %waiting;    # control groups of those whose init was executed, and nothing else yet
open my $events, '+<&=', $fd or die "fdopen: $!\n";
$| = 1;
print "ready\n";
while (1) {
    my $wanted = '';
    vec($wanted, $_, 1) = 1 for 0, $fd;
    next if select($wanted, undef, undef, undef) < 0;
    exit 0 if vec $wanted, 0, 1;
    my $n = sysread $events, my $bytes, 4096;
    next unless $n;
    while (length $bytes >= 24) {
        my ($length, undef, undef, undef, undef, $opened, $pid) = unpack 'L C C S Q l l', $bytes;
        substr($bytes, 0, $length) = '';
        my $groups = groups_of($pid);
        if (program($opened) eq $init) {
            mark($FAN_MARK_ADD | $FAN_MARK_FILESYSTEM, "/proc/$pid/root") or warn "fanotify_mark of a container: $!\n";
            $waiting{$groups} = 1;
        } elsif (delete $waiting{$groups}) {
            print "$groups\n";
        }
        syswrite $events, pack 'l L', $opened, $FAN_ALLOW;
        POSIX::close($opened);
    }
}

sub mark {
    my ($flags, $path) = @_;
    $path .= "\0";
    return syscall($SYS{fanotify_mark}, $fd, $flags, $FAN_OPEN_EXEC_PERM, $AT_FDCWD, $path) == 0;
}

sub groups_of {
    my ($pid) = @_;
    open my $groups, '<', "/proc/$pid/cgroup" or return '';
    chomp(my @lines = <$groups>);
    return "@lines";
}

# By device and inode.
sub program {
    my ($opened) = @_;
    open my $file, '<&', $opened or return '';
    return join ':', (stat $file)[0, 1];
}
