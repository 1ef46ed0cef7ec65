#!/usr/bin/perl
# Becomes another program, which doesn't see the second hierarchy of control groups.
#
#   without-unified.pl PROGRAM ARGUMENT…
#
# On a host in hybrid mode, v2 stands beside v1 with the controllers that v1 doesn't use. crun refuses such a host, whatever it
# is asked for, unless that hierarchy isn't mounted: here it isn't, in a mount namespace that ends with the program. Limits and
# membership are those of v1 all the same. Source: crun, src/libcrun/cgroup.c, "hybrid mode". Needs perl-base alone.
use strict;
use warnings;
use POSIX ();

my $UNIFIED = '/sys/fs/cgroup/unified';
# System call numbers of x86_64 (linux/arch/x86/entry/syscalls/syscall_64.tbl).
my %SYS = (mount => 165, umount2 => 166, unshare => 272);
my ($CLONE_NEWNS, $MS_REC_PRIVATE, $MNT_DETACH) = (0x20000, 0x4000 | 1 << 18, 2);

die "x86_64 only\n" unless (POSIX::uname())[4] eq 'x86_64';
my $none = "none";    # syscall wants variables for what may be written to
my $root = '/';
syscall($SYS{unshare}, $CLONE_NEWNS) == 0 or die "no mount namespace can be made: $!\n";
syscall($SYS{mount}, $none, $root, $none, $MS_REC_PRIVATE, 0) == 0 or die "mounts can't be made private: $!\n";
syscall($SYS{umount2}, $UNIFIED, $MNT_DETACH) == 0 or die "$UNIFIED can't be unmounted: $!\n";
exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!\n";
