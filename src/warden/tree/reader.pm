# Serves read requests of src/warden/tree.pl: a file, what is in a folder, what matches a pattern.
package Reader;
use strict;
use warnings;
no warnings 'recursion';
use Errno ();
use Fcntl qw(:mode);

my $CHUNK_BYTES = 256 * 1024;
my ($out, $setting, $entries_left, $bytes_left);

sub serve {
    ($out, $setting, my $wanted) = @_;
    Confinement::enter_root($setting->{root});
    Path::begin();
    my $capability = $setting->{all} ? 'read' : 'none';
    my $is_fixed = ref $setting->{as};
    Confinement::become($setting->{as}, $capability, getppid) if $is_fixed;
    for my $request (@$wanted) {
        if ($is_fixed) { answer($request); next }
        my $owner = eval { owner_of($request) };
        if (!$owner) { failed($request->{id}, $@); next }
        Confinement::run_as($owner, $capability, sub { answer($request) });
    }
    Frames::emit($out, 'N');
}

# Whoever owns the target may let it be read. Not so where it is a further name that somebody else gave to the file: a
# hard link in one user's folder to what another one, or root, owns.
sub owner_of {
    my ($request) = @_;
    my $path = $request->{kind} eq 'glob' ? '/' : Path::physical($request->{path});
    my @status = Path::link_status($path) or throw_missing($request->{path});
    my ($mode, $links, $uid, $gid) = @status[2 .. 5];
    if (S_ISREG($mode) && $links > 1) {
        my @folder = Path::status((Path::split_last($path))[0]);
        Failure::throw('denied', $request->{path}, 'has several names (hard links), of which this one is in a folder of'
            . ' another owner; copy the file') if !@folder || $folder[4] != $uid;
    }
    return [$uid, $gid];
}

sub answer {
    my ($request) = @_;
    my ($id, $kind, $path) = @$request{qw(id kind path)};
    ($entries_left, $bytes_left) = @$setting{qw(entries bytes)};
    my $done = eval { $kind eq 'glob' ? answer_glob($request) : answer_named($id, $kind, $path); 1 };
    $done ? Frames::emit($out, 'Z', $id) : failed($id, $@);
}

sub failed {
    my ($id, $reason) = @_;
    my ($code, $path, $text) = Failure::fields($reason);
    Frames::emit($out, 'X', $id, $code, "$setting->{shown}$path", $text);
}

sub message {
    my ($id, $path, $text) = @_;
    Frames::emit($out, 'M', $id, "$setting->{shown}$path", "$text; left out");
}

sub answer_named {
    my ($id, $kind, $path) = @_;
    my @status = Path::status($path) or throw_missing($path);
    my $strange = Path::strange_kind($status[2]);
    Failure::throw('denied', $path, "is $strange; only files and folders are taken") if $strange;
    if (S_ISDIR($status[2])) {
        Failure::throw('failed', $path, 'is a directory, a file was asked for') if $kind eq 'file';
        return folder($id, '', $path, 0);
    }
    Failure::throw('failed', $path, 'is a file, a directory was asked for') if $kind eq 'directory';
    file($id, '', $path);
}

# A link that leads nowhere is something else than nothing.
sub throw_missing {
    my ($path) = @_;
    my $errno = $! + 0;
    my @link = Path::link_status($path);
    $! = $errno;
    Failure::throw_errno($path, 'open') if !@link || !S_ISLNK($link[2]);
    Failure::throw('denied', $path, "is a symbolic link that leads to nothing in this tree: $!");
}

sub answer_glob {
    my ($request) = @_;
    my ($id, $prefix) = @$request{qw(id prefix)};
    my $emit = sub { entry($id, without_prefix($_[0], $prefix), $_[0], 0) };
    matches($id, '/', 0, $emit, Pattern::start(Pattern::parse($request->{path})));
}

sub without_prefix {
    my ($path, $prefix) = @_;
    my $rest = index($path, $prefix) == 0 ? substr $path, length $prefix : $path;
    return $rest =~ s{\A/+}{}r;
}

sub matches {
    my ($id, $folder, $depth, $emit, @states) = @_;
    too_deep($folder) if $depth > $setting->{depth};
    my $names = Pattern::literals(@states) // folder_names($folder);
    for my $name (@$names) {
        next if $name eq '..';
        my $path = Path::join_path($folder, $name);
        my ($is_match, @next) = Pattern::next_states($name, @states);
        next if !$is_match && !@next;
        my @link = Path::link_status($path) or next;
        if ($is_match) { $emit->($path); next }    # a folder that matches is taken with all that is in it
        @next = Pattern::through_link(@next) if S_ISLNK($link[2]);
        next if !@next;
        my @status = S_ISLNK($link[2]) ? Path::status($path) : @link;
        matches($id, $path, $depth + 1, $emit, @next) if @status && S_ISDIR($status[2]);
    }
}

sub folder_names {
    my ($path) = @_;
    my $folder = Path::open_folder($path) or Failure::throw_errno($path, 'open');
    return Path::names($folder, $entries_left) // Failure::throw_errno($path, 'list');
}

# Something in a folder, or that matched: what can't be taken is left out, with a word.
sub entry {
    my ($id, $rel, $path, $depth, @above) = @_;
    my @status = Path::status($path);
    return skipped($id, $path) if !@status;
    my $strange = Path::strange_kind($status[2]);
    return message($id, $path, "is $strange") if $strange;
    S_ISDIR($status[2]) ? folder($id, $rel, $path, $depth, @above) : file($id, $rel, $path);
}

# What is gone by now, or leads nowhere, is left out; what may not be seen is a failure.
sub skipped {
    my ($id, $path) = @_;
    Failure::throw_errno($path, 'open') if !$!{ENOENT} && !$!{ELOOP} && !$!{ENOTDIR};
    my @link = Path::link_status($path);
    message($id, $path, @link ? 'is a symbolic link that leads to nothing in this tree' : 'is gone');
}

sub folder {
    my ($id, $rel, $path, $depth, @above) = @_;
    too_deep($path) if $depth > $setting->{depth};
    my $folder = Path::open_folder($path) or Failure::throw_errno($path, 'open');
    my @status = stat $folder;
    my $self = "$status[0]:$status[1]";
    return message($id, $path, 'leads back to a folder that it is in') if grep { $_ eq $self } @above;
    count($path);
    if ($setting->{contents}) { Frames::emit($out, 'C', $id, $rel, $path, $status[2] & 07777) }
    else { listed($id, $rel, $path, @status) }
    my $names = Path::names($folder, $entries_left) // Failure::throw_errno($path, 'list');
    close $folder;
    for my $name (@$names) {
        entry($id, $rel eq '' ? $name : "$rel/$name", Path::join_path($path, $name), $depth + 1, @above, $self);
    }
}

sub too_deep { Failure::throw('limit', $_[0], "is more than $setting->{depth} folders deep") }

sub count {
    my ($path) = @_;
    Failure::throw('limit', $path, "there are more than $setting->{entries} files and folders") if $entries_left <= 0;
    $entries_left--;
}

# Looked at once more when it is open: it may be another one by now.
sub file {
    my ($id, $rel, $path) = @_;
    count($path);
    my $file = Path::open_file($path) or Failure::throw_errno($path, 'open');
    my @status = stat $file;
    Failure::throw('denied', $path, 'is no longer a file') if !S_ISREG($status[2]);
    return listed($id, $rel, $path, @status) if !$setting->{contents};
    my ($size, $mtime) = @status[7, 9];
    Failure::throw('limit', $path, "has $size bytes, and $bytes_left are left of the limit of $setting->{bytes}")
        if $size > $bytes_left;
    $bytes_left -= $size;
    my $frames = Frames::frame('F', join "\0", $id, $rel, $path, $status[2] & 07777, $size, $mtime);
    my $is_sparse = $status[12] * 512 < $size;
    my $at = 0;    # what is appended meanwhile is not taken: the size has been told
    while ($at < $size) {
        my $end = $size;
        if ($is_sparse) {
            (my $data, $end) = next_data($file, $at, $size);
            $frames .= Frames::frame('H', $data - $at) if $data > $at;
            $at = $data;
        }
        while ($at < $end) {
            my $n = sysread $file, my $chunk, $end - $at < $CHUNK_BYTES ? $end - $at : $CHUNK_BYTES;
            Failure::throw_errno($path, 'read') if !defined $n;
            Failure::throw('failed', $path, 'became shorter while it was read: ' . ($size - $at) . ' bytes are missing') if $n == 0;
            $at += $n;
            Frames::put($out, $frames . Frames::frame('D', $chunk) . ($at == $size ? Frames::frame('E', '') : ''));
            $frames = $at == $size ? undef : '';
        }
    }
    Frames::put($out, $frames . Frames::frame('E', '')) if defined $frames;
}

# Where a file that has holes has bytes again, and where these end; it stands there then. A hole is not read: a task
# can make one of any size for nothing.
sub next_data {
    my ($file, $at, $size) = @_;
    my $data = sysseek $file, $at, 3;    # SEEK_DATA
    return ($size, $size) if !defined $data && $!{ENXIO};
    return ($at, $size) if !defined $data;    # a file system that doesn't know
    my $end = sysseek($file, $data, 4) // $size;    # SEEK_HOLE
    sysseek $file, $data, 0;
    return ($data < $size ? $data + 0 : $size, $end < $size ? $end + 0 : $size);
}

sub listed {
    my ($id, $rel, $path, @status) = @_;
    my $real = eval { without_links($path) } // $path;
    Frames::emit($out, 'L', $id, $rel, $real, @status[2, 7, 9, 4, 5]);
}

my ($last_folder, $last_real) = ('', '');

# Names of one folder come one after the other.
sub without_links {
    my ($path) = @_;
    my ($folder, $name) = Path::split_last($path);
    my @link = Path::link_status($path);
    return Path::physical($path) if !@link || S_ISLNK($link[2]) || $name eq '.';
    ($last_folder, $last_real) = ($folder, Path::physical($folder)) if $folder ne $last_folder;
    return Path::join_path($last_real, $name);
}

1;
