#!/usr/bin/perl
# Runs a program of an unprivileged user as root of a user namespace, with mounts and processes that are that namespace's
# own. src/warden/rootless/enter.ts is its only caller. Needs perl-base, newuidmap and newgidmap.
#
#   enter.pl FOLDER RUN {uid|gid INSIDE OUTSIDE COUNT}... -- PROGRAM ARGUMENT...
#
# The namespaces have a keeper, their first process, which outlives this one: who comes later with the same FOLDER, where
# it stands how the keeper is known, enters them again and finds what runs and what is mounted there. The kernel ends all of
# it with the keeper. On RUN an empty file system in memory is mounted; where that is empty once the last program has ended,
# the keeper is ended too. FOLDER empty: nobody comes later, and the keeper ends with this process.
#
# This process passes signals on and ends as the program does; where it is killed, so is the program.
use strict;
use warnings;
use Fcntl qw(:DEFAULT :flock);
use POSIX ();

# System call numbers of x86_64 (linux/arch/x86/entry/syscalls/syscall_64.tbl).
my %SYS = (
    setresuid => 117, setresgid => 119, prctl => 157, mount => 165, unshare => 272, setns => 308, pidfd_send_signal => 424,
    pidfd_open => 434,
);
my ($CLONE_NEWNS, $CLONE_NEWUSER, $CLONE_NEWPID) = (0x20000, 0x10000000, 0x20000000);
my @NAMESPACES = (['user', $CLONE_NEWUSER], ['mnt', $CLONE_NEWNS], ['pid', $CLONE_NEWPID]);
my ($MS_NOSUID, $MS_NODEV, $MS_NOEXEC, $MS_REC, $MS_SLAVE) = (2, 4, 8, 0x4000, 0x80000);
my ($PR_SET_PDEATHSIG, $PR_SET_DUMPABLE, $SIGKILL) = (1, 4, 9);
my $KEEPER_END_SECONDS = 10;
my $nothing = "\0";
my $place;

die "x86_64 only\n" unless (POSIX::uname())[4] eq 'x86_64';
my ($folder, $run, @rest) = @ARGV;
my %maps = (uid => [], gid => []);
while (@rest && $rest[0] ne '--') {
    my ($kind, @map) = splice @rest, 0, 4;
    push @{ $maps{$kind} }, @map;
}
shift @rest;
die "no program\n" unless @rest;

my $cwd = POSIX::getcwd();
my ($door, $register) = $folder eq '' ? () : (open_door(), open_register());
# At its other end, a keeper that isn't to outlive this process.
pipe my $tied, my $tie or die "pipe: $!\n";
my $keeper = ($register && known_keeper()) || make_keeper();
close $tied;
# For as long as this process lives, nobody ends the keeper.
!$register or flock $register, LOCK_SH or die "$folder/keeper: $!\n";
enter();
!$door or flock $door, LOCK_UN;
my $wait_status = run_program();
leave();
end_as($wait_status);

# --- who comes in ------------------------------------------------------------------------------------------------

# One at a time.
sub open_door {
    sysopen my $file, $folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW or die "$folder: $!\n";
    flock $file, LOCK_EX or die "$folder: $!\n";
    return $file;
}

sub open_register {
    sysopen my $file, "$folder/keeper", O_RDWR | O_CREAT | O_NOFOLLOW, 0600 or die "$folder/keeper: $!\n";
    return $file;
}

sub known_keeper {
    sysread $register, my $line, 256;
    my ($pid) = ($line // '') =~ /\A([0-9]+) / or return undef;
    my $handle = handle_of($pid) // return undef;
    # Looked at after it is held: the id can't be another's from there on.
    return undef if $line ne (known_by($pid) // '');
    my $namespaces = namespaces_of($pid);
    return { handle => $handle, namespaces => $namespaces } if $namespaces;
    # It is being ended, and before it all that ran there.
    wait_for_end($handle);
    return undef;
}

sub namespaces_of {
    my ($pid) = @_;
    my @files;
    for my $kind (map { $_->[0] } @NAMESPACES) {
        sysopen my $file, "/proc/$pid/ns/$kind", O_RDONLY or return undef;
        push @files, $file;
    }
    return \@files;
}

# A process id is given again, also after a restart of the host: only with its start time and the boot it is the keeper's.
# The name in parentheses may hold anything. Source: proc_pid_stat(5), random(4).
sub known_by {
    my ($pid) = @_;
    open my $stat, '<', "/proc/$pid/stat" or return undef;
    my ($fields) = (<$stat> // '') =~ /.*\) (.*)/ or return undef;
    my ($state, $start) = (split / /, $fields)[0, 19];
    open my $boot, '<', '/proc/sys/kernel/random/boot_id' or return undef;
    my $id = <$boot>;
    return $state =~ /[ZX]/ ? undef : "$pid $start $id";
}

sub handle_of {
    my ($pid) = @_;
    my $fd = syscall($SYS{pidfd_open}, $pid + 0, 0);
    return $fd < 0 ? undef : $fd;
}

sub enter {
    call('setns', fileno $keeper->{namespaces}[$_], $NAMESPACES[$_][1]) for 0 .. $#NAMESPACES;
    chdir $cwd or chdir '/';
}

# Whoever else is there holds the register. What is mounted or may run stands below RUN.
sub leave {
    if ($register) {
        flock $door, LOCK_EX;
        return if !flock $register, LOCK_EX | LOCK_NB;
        opendir my $entries, $run or return;
        return if grep { !/\A\.\.?\z/ } readdir $entries;
        truncate $register, 0;
    }
    syscall($SYS{pidfd_send_signal}, $keeper->{handle}, $SIGKILL, 0, 0);
    wait_for_end($keeper->{handle});
}

sub wait_for_end {
    my ($handle) = @_;
    my $ended = '';
    vec($ended, $handle, 1) = 1;
    select $ended, undef, undef, $KEEPER_END_SECONDS;
}

# --- the keeper --------------------------------------------------------------------------------------------------

# A child makes the namespaces, this process gives them their ids, and a child of the child is the first process there.
sub make_keeper {
    pipe my $answers, my $answer or die "pipe: $!\n";
    pipe my $go, my $going or die "pipe: $!\n";
    my $maker = fork // die "fork: $!\n";
    if ($maker == 0) {
        close $_ for grep { defined } $answers, $going, $tie, $door, $register;
        syswrite $answer, eval { make_namespaces($answer, $go) } // "0 $@";
        POSIX::_exit(0);
    }
    close $_ for $answer, $go;
    my $said = take_line($answers);
    if ($said eq "made\n") {
        map_ids($maker, $_) for qw(uid gid);
        close $going;
        $said = take_line($answers);
    }
    waitpid $maker, 0;
    my ($pid, $why) = $said =~ /\A([0-9]+) (.*)/s;
    die 'no user namespace can be made: ' . ($why || "the process that makes it was killed\n") if !$pid;
    my $made = { handle => handle_of($pid), namespaces => namespaces_of($pid) };
    die "the first process of the user namespace has ended\n" if !$made->{namespaces} || !defined $made->{handle};
    if ($register) {
        truncate $register, 0;
        sysseek $register, 0, 0;
        syswrite $register, known_by($pid) or die "$folder/keeper: $!\n";
    }
    return $made;
}

sub map_ids {
    my ($pid, $kind) = @_;
    my @command = ("new${kind}map", $pid, @{ $maps{$kind} });
    my $status = system { $command[0] } @command;
    die "@command: " . ($status < 0 ? "$!\n" : "refused; see subuid(5), subgid(5)\n") if $status;
}

# Answers with the keeper's id.
sub make_namespaces {
    my ($answer, $go) = @_;
    call('unshare', $CLONE_NEWUSER | $CLONE_NEWNS | $CLONE_NEWPID);
    syswrite $answer, "made\n";
    sysread $go, my $end, 1;    # once the ids are mapped, or nobody waits
    be_root();
    pipe my $ready, my $ready_w or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        close $_ for $answer, $ready;
        syswrite $ready_w, eval { prepare(); 1 } ? "ready\n" : $@;
        keep($ready_w);
    }
    close $ready_w;
    my $said = take_line($ready);
    return $said eq "ready\n" ? "$pid \n" : "0 $said";
}

# Mounts that the host makes later appear here too, such as that of a disk below a folder that tasks may read.
sub prepare {
    POSIX::setsid();
    call('mount', $nothing, path('/'), $nothing, $MS_REC | $MS_SLAVE, 0);
    call('mount', path('proc'), path('/proc'), path('proc'), $MS_NOSUID | $MS_NODEV | $MS_NOEXEC, 0);
    # What cleans a /tmp leaves alone what is locked; removed, the folder would take the mount on it along. Source: tmpfiles.d(5).
    flock $place, LOCK_SH if sysopen $place, $run, O_RDONLY | O_DIRECTORY;
    call('mount', path('tmpfs'), path($run), path('tmpfs'), $MS_NOSUID | $MS_NODEV, path('mode=711'));
    chdir '/' or die "/: $!\n";
}

# Orphans of the namespace are its children.
sub keep {
    my ($said) = @_;
    $SIG{CHLD} = 'IGNORE';
    $SIG{$_} = 'IGNORE' for qw(HUP INT TERM);
    close $said;
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    sleep 86_400 while $folder ne '' || !defined sysread $tied, my $end, 1;
    POSIX::_exit(0);
}

# --- the program -------------------------------------------------------------------------------------------------

sub run_program {
    pipe my $alive, my $alive_w or die "pipe: $!\n";
    my $program = fork // die "fork: $!\n";
    if ($program == 0) {
        close $alive_w;
        # A terminal's signals are for the process that passes them on.
        POSIX::setpgid(0, 0);
        be_root();
        # After the change of user, which clears it.
        call('prctl', $PR_SET_PDEATHSIG, $SIGKILL, 0, 0, 0);
        # Its parent is none of its process namespace: only the pipe tells that it is still there.
        my $is_readable = '';
        vec($is_readable, fileno $alive, 1) = 1;
        POSIX::_exit(1) if select $is_readable, undef, undef, 0;
        exec { $rest[0] } @rest or print STDERR "$rest[0]: $!\n";
        POSIX::_exit($!{ENOENT} ? 127 : 126);
    }
    close $alive;
    for my $name (qw(TERM INT HUP USR1 USR2)) {
        $SIG{$name} = sub { kill $name, $program };
    }
    until (waitpid($program, 0) == $program) { }
    return $?;
}

sub end_as {
    my ($status) = @_;
    my $signal = $status & 127;
    if ($signal) {
        $SIG{$_} = 'DEFAULT' for qw(TERM INT HUP USR1 USR2);
        kill $signal, $$;
    }
    POSIX::_exit($status >> 8);
}

# Further groups stay: they may be what leads to the data. Dumpable, since else nobody of the user may look for its namespaces.
sub be_root {
    call('setresgid', 0, 0, 0);
    call('setresuid', 0, 0, 0);
    call('prctl', $PR_SET_DUMPABLE, 1, 0, 0, 0);
}

sub take_line {
    my ($pipe) = @_;
    my $text = '';
    while ($text !~ /\n\z/) {
        last if !sysread $pipe, $text, 4096, length $text;
    }
    return $text;
}

# perl hands a string to the kernel as a pointer only where it was never a number.
sub path { return "$_[0]\0" }

sub call {
    my ($name, @arguments) = @_;
    syscall($SYS{$name}, @arguments) == 0 or die "$name: $!\n";
}
