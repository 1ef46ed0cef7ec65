#!/usr/bin/perl
# Counts every execution of one program, from outside of whoever executes it: the kernel asks before each, and goes on once
# it was answered. One line for each on stdout, the control groups of the process as in /proc/PID/cgroup, joined by spaces.
#
#   start-counter.pl PROGRAM
#
# Ends with its stdin; whoever waits for an answer then goes on. Source: fanotify(7). Needs perl-base alone, and root.
use strict;
use warnings;
use POSIX ();

# System call numbers of x86_64 (linux/arch/x86/entry/syscalls/syscall_64.tbl).
my %SYS = (fanotify_init => 300, fanotify_mark => 301);
my ($FAN_CLASS_CONTENT, $FAN_CLOEXEC) = (4, 1);
my ($FAN_MARK_ADD, $FAN_OPEN_EXEC_PERM, $FAN_ALLOW) = (1, 0x00040000, 1);
my $AT_FDCWD = -100;

my $program = $ARGV[0] . "\0";
my $fd = syscall($SYS{fanotify_init}, $FAN_CLASS_CONTENT | $FAN_CLOEXEC, 0);
$fd >= 0 or die "fanotify_init: $!\n";
syscall($SYS{fanotify_mark}, $fd, $FAN_MARK_ADD, $FAN_OPEN_EXEC_PERM, $AT_FDCWD, $program) == 0
    or die "fanotify_mark $ARGV[0]: $!\n";
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
        if (open my $groups, '<', "/proc/$pid/cgroup") {
            chomp(my @lines = <$groups>);
            print "@lines\n";
        }
        syswrite $events, pack 'l L', $opened, $FAN_ALLOW;
        POSIX::close($opened);
    }
}
