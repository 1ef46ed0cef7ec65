# Serves write requests of src/warden/tree.pl: takes entries and puts files and folders below a place. A file is
# written under another name in its folder and renamed when it is complete, so that nobody sees a part of it.
package Writer;
use strict;
use warnings;
use Fcntl qw(O_WRONLY O_CREAT O_EXCL O_NOFOLLOW O_RDONLY O_DIRECTORY);
use Errno qw(EEXIST EISDIR);
use IO::Handle;

my ($in, $out, $setting, $identity);
my $temporary;      # in the working folder, while a file is written
my $serial = 0;
my $here;           # the folder that is the working folder, as it was asked for

$SIG{TERM} = sub { unlink $temporary if defined $temporary; POSIX::_exit(143) };

sub serve {
    ($in, $out, $setting, my $places) = @_;
    Confinement::enter_root($setting->{root});
    Path::begin();
    my $capability = $setting->{all} ? 'write' : 'none';
    my $is_fixed = ref $setting->{as};
    if ($is_fixed) {
        $identity = $setting->{as};
        Confinement::become($identity, $capability, getppid);
    }
    for my $place (@$places) {
        if ($is_fixed) { take_in($place); next }
        $identity = eval { owner_of_parent($place->{path}) };
        if (!$identity) { refuse($place, $@); next }
        Confinement::run_as($identity, $capability, sub { take_in($place) });
    }
    my ($kind) = Frames::take($in) or die "the stream was cut\n";
    die "frame $kind where the end should be\n" if $kind ne 'N';
    Frames::emit($out, 'N');
}

# Of the nearest folder that is there already.
sub owner_of_parent {
    my ($folder) = Path::split_last($_[0]);
    Path::walk($folder);
    my @status = stat '.' or Failure::throw_errno($folder, 'enter');
    return [@status[4, 5]];
}

sub take_in {
    my ($place) = @_;
    my $id = $place->{id};
    my %changed;
    while (1) {
        my ($kind, @fields) = next_frame($id);
        my $done = eval {
            if ($kind eq 'F') { file($place, \%changed, @fields) }
            elsif ($kind eq 'C') { folder($place, @fields) }
            elsif ($kind eq 'Z') { settle($_) for sort keys %changed }
            1;
        };
        if (!$done) { return refuse($place, $@, $kind =~ /[XZ]/) }
        Frames::emit($out, $kind, $id, @fields) if $kind =~ /[MXZ]/;
        return if $kind =~ /[XZ]/;
    }
}

# The request's other frames are passed over, but a full disk ends all: its source needn't be read to the end.
sub refuse {
    my ($place, $reason, $is_over) = @_;
    my ($code, $path, $text) = Failure::fields($reason);
    return Frames::emit($out, 'X', $place->{id}, $code, $path, $text) if $place->{was_ended};
    $code = 'failed' if $code eq 'not-found';    # what is read can be missing, not what is written
    Frames::emit($out, 'X', $place->{id}, $code, "$setting->{shown}$path", $text);
    POSIX::_exit(1) if $code eq 'disk-full';
    return if $is_over;
    1 while (next_frame($place->{id}))[0] !~ /[XZ]/;
}

sub next_frame {
    my ($id) = @_;
    my ($kind, $payload) = Frames::take($in) or cut();
    return ($kind) if $kind =~ /[DHE]/;
    my ($of, @fields) = split /\0/, $payload, -1;
    die "an entry of request $of where $id should be\n" if $kind eq 'N' || $of ne $id;
    return ($kind, @fields);
}

sub cut {
    unlink $temporary if defined $temporary;
    die "the stream was cut\n";
}

sub file {
    my ($place, $changed, $rel, $source, $mode, undef, $mtime) = @_;
    my $path = target($place, $rel);
    my ($folder, $name) = Path::split_last($path);
    Failure::throw('denied', $path, 'names no file') if $name eq '.';
    enter($folder);
    my $to = create($path);
    my $done = eval {
        my $written = fill($to, $place, $path);
        finish($to, $path, $mode, $mtime);
        rename $temporary, $name or Failure::throw_errno($path, 'put in place');
        undef $temporary;
        Frames::emit($out, 'W', $place->{id}, $rel, $source, $written);
        1;
    };
    my $reason = $@;
    unlink $temporary if defined $temporary;
    undef $temporary;
    die $reason if !$done;
    $changed->{$folder} = 1 if $setting->{sync};
}

sub create {
    my ($path) = @_;
    for (1 .. 100) {
        my $name = sprintf '.bulkhead-%d-%d-%08x.part', $$, ++$serial, int rand 2**32;
        if (sysopen my $to, $name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600) {
            $temporary = $name;
            return $to;
        }
        Failure::throw_errno($path, 'create') if $! != EEXIST;
    }
    Failure::throw('failed', $path, 'create: no free name');
}

# The bytes written.
sub fill {
    my ($to, $place, $path) = @_;
    my $written = 0;
    my $ends_in_hole;
    while (1) {
        my ($kind, $bytes) = Frames::take($in) or cut();
        if ($kind eq 'E') {
            truncate $to, $written or Failure::throw_errno($path, 'write') if $ends_in_hole;
            return $written;
        }
        $ends_in_hole = $kind eq 'H';
        if ($ends_in_hole) {
            $written += $bytes;
            sysseek $to, $written, 0 or Failure::throw_errno($path, 'write');
            next;
        }
        if ($kind eq 'X') {
            $place->{was_ended} = 1;
            my (undef, @fields) = split /\0/, $bytes, -1;
            Failure::throw(@fields);
        }
        die "frame $kind within a file\n" if $kind ne 'D';
        my $at = 0;
        while ($at < length $bytes) {
            my $n = syswrite $to, $bytes, length($bytes) - $at, $at;
            Failure::throw_errno($path, 'write') if !defined $n;
            $at += $n;
        }
        $written += $at;
    }
}

sub finish {
    my ($to, $path, $mode, $mtime) = @_;
    my $bits = $setting->{files} eq 'keep' ? ($mode & 0777) | 0600 : $mode & 0111 ? 0775 : 0664;
    chmod $bits, $to or Failure::throw_errno($path, 'chmod');
    utime $mtime, $mtime, $to if $mtime ne '';    # only for those who compare times
    if ($setting->{sync}) { $to->sync or Failure::throw_errno($path, 'sync') }
    close $to or Failure::throw_errno($path, 'close');
}

sub folder {
    my ($place, $rel, undef, $mode) = @_;
    enter(target($place, $rel));
    return if $rel eq '' || $setting->{files} ne 'keep';
    chmod(($mode & 0777) | 0700, '.') if (stat '.')[4] == $identity->[0];    # not where it was there before us
}

# A path that came with an entry stays below its place.
sub target {
    my ($place, $rel) = @_;
    Failure::throw('denied', $rel, 'has a ".." part') if grep { $_ eq '..' } split m{/}, $rel;
    return $rel eq '' ? $place->{path} : "$place->{path}/$rel";
}

# Makes a folder the working folder, and the folders on its way where they are missing.
sub enter {
    my ($folder) = @_;
    return if defined $here && $here eq $folder;
    undef $here;
    Path::walk($folder, make => \&make_folder, $setting->{links} eq 'owner' ? (may_follow => \&check_link) : ());
    $here = $folder;
}

sub make_folder {
    my ($name, $path) = @_;
    mkdir $name, 0775 or $! == EEXIST or Failure::throw_errno($path, 'make the folder');
}

# A link that somebody else put on the way would turn what is written to where that one may not write.
sub check_link {
    my ($path, @status) = @_;
    return if $status[4] == 0 || $status[4] == $identity->[0];
    Failure::throw('denied', $path, "is a symbolic link of user $status[4], not of user $identity->[0] or of root");
}

# So that a name is as durable as the file that it was given to.
sub settle {
    my ($folder) = @_;
    enter($folder);
    sysopen my $self, '.', O_RDONLY | O_DIRECTORY or return;    # a folder that may be written to but not listed
    $self->sync or Failure::throw_errno($folder, 'sync');
}

1;
