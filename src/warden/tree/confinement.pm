# Gives up what a process could do outside of its root folder, and as whom.
package Confinement;
use strict;
use warnings;

# System call numbers of x86_64 (linux/arch/x86/entry/syscalls/syscall_64.tbl).
my %SYS = (setgroups => 116, setresuid => 117, setresgid => 119, capset => 126, prctl => 157, chroot => 161);
my ($PR_SET_PDEATHSIG, $PR_SET_KEEPCAPS, $PR_CAPBSET_DROP, $PR_SET_NO_NEW_PRIVS) = (1, 8, 24, 38);
my ($CAP_DAC_OVERRIDE, $CAP_DAC_READ_SEARCH) = (1, 2);
my ($SIGTERM, $LAST_CAPABILITY) = (15, 63);

# `target` and `parent` stay as they are; `uid:gid`, or a user and perhaps a group by name, become two numbers. Before
# the root changes, since names are looked up in the host's files.
sub identity {
    my ($text) = @_;
    return $text if $text eq 'target' || $text eq 'parent';
    my ($user, $group) = split /:/, $text, 2;
    my ($uid, $gid) = $user =~ /\A[0-9]+\z/ ? ($user, $user) : (getpwnam $user)[2, 3];
    die "this host has no user $user\n" if !defined $uid;
    $gid = $group =~ /\A[0-9]+\z/ ? $group : getgrnam $group if defined $group;
    die "this host has no group $group\n" if !defined $gid;
    return [$uid, $gid];
}

# No module is loaded from the tree later: it belongs to somebody else.
sub enter_root {
    my ($root) = @_;
    call('prctl', $PR_SET_PDEATHSIG, $SIGTERM, 0, 0, 0);
    die "x86_64 only\n" if (POSIX::uname())[4] ne 'x86_64';
    chdir $root or die "$root: $!\n";
    chroot '.' or die "chroot to $root: $!\n";
    @INC = ();
}

# Runs code as [uid, gid] in a child, for an identity that each request chooses.
sub run_as {
    my ($identity, $capability, $code) = @_;
    my $parent = $$;
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        my $done = eval { become($identity, $capability, $parent); $code->(); 1 };
        print STDERR $@ if !$done;
        POSIX::_exit($done ? 0 : 1);
    }
    waitpid $pid, 0;
    POSIX::_exit(1) if $? != 0;    # a frame may have been cut: the stream ends here
}

# For good: afterwards no call gives anything back. `read` and `write` keep the one capability to pass by permission
# bits, which ends at the root too. Signals the process when its parent dies.
sub become {
    my ($identity, $capability, $parent) = @_;
    my ($uid, $gid) = @$identity;
    my $kept = { none => 0, read => 1 << $CAP_DAC_READ_SEARCH, write => 1 << $CAP_DAC_OVERRIDE }->{$capability};
    syscall($SYS{prctl}, $PR_CAPBSET_DROP, $_, 0, 0, 0) for 0 .. $LAST_CAPABILITY;
    call('setgroups', 0, 0);
    call('prctl', $PR_SET_KEEPCAPS, $kept ? 1 : 0, 0, 0, 0);
    call('setresgid', $gid + 0, $gid + 0, $gid + 0);
    call('setresuid', $uid + 0, $uid + 0, $uid + 0);
    # _LINUX_CAPABILITY_VERSION_3 and this process; then effective, permitted, inheritable, low half and high.
    call('capset', pack('L l', 0x20080522, 0), pack('L6', $kept, $kept, 0, 0, 0, 0));
    call('prctl', $PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    my $top = '/';
    die "the root could still be changed\n" if syscall($SYS{chroot}, $top) == 0;
    die "not the user that was asked for\n" if $< != $uid || $> != $uid || "$(" ne "$gid" || "$)" ne "$gid";
    call('prctl', $PR_SET_PDEATHSIG, $SIGTERM, 0, 0, 0);    # after the change of user, which clears it
    POSIX::_exit(1) if getppid != $parent;
}

sub call {
    my ($name, @arguments) = @_;
    syscall($SYS{$name}, @arguments) == 0 or die "$name: $!\n";
}

1;
