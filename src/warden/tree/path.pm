# Paths below the root. The kernel resolves what is read (openat2: a link or a `..` can't leave the root, whatever is
# renamed meanwhile); what is written is walked to, part by part, so that it can be told who made a link on the way.
package Path;
use strict;
use warnings;
use Fcntl qw(:mode O_RDONLY O_NONBLOCK O_NOCTTY O_DIRECTORY O_NOFOLLOW);
use Errno qw(EAGAIN EINTR ENOENT EEXIST ENOTDIR ELOOP ENOSYS);
use constant {
    SYS_OPENAT2 => 437, SYS_READLINKAT => 267, O_PATH => 010000000,
    RESOLVE_NO_MAGICLINKS => 0x02, RESOLVE_IN_ROOT => 0x10,
};

my $MAX_LINKS = 40;    # as the kernel's own limit
my ($root, $root_fd);

# After the root has changed.
sub begin {
    sysopen $root, '/', O_PATH | O_DIRECTORY or die "/: $!\n";
    $root_fd = fileno $root;
}

# An open file, or undef and `$!`. Never waits: not for a FIFO's other end, not for a lease.
sub open_in_root {
    my ($path, $flags) = @_;
    my $how = pack 'Q3', $flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    for my $try (1 .. 100) {
        my $fd = syscall SYS_OPENAT2, $root_fd, "$path", $how, length $how;
        if ($fd >= 0) {
            open my $file, '<&=', $fd or die "fdopen: $!\n";
            return $file;
        }
        die "this kernel has no openat2, or a filter refuses it: Linux 5.6 or later is needed\n" if $! == ENOSYS;
        last if $! != EAGAIN && $! != EINTR;    # EAGAIN: something was renamed during the look-up
    }
    return undef;
}

# What a path leads to, as `stat`, without opening it; empty and `$!` where it leads nowhere.
sub status {
    my $file = open_in_root($_[0], O_PATH) or return;
    return stat $file;
}

# The same for a link itself.
sub link_status {
    my $file = open_in_root($_[0], O_PATH | O_NOFOLLOW) or return;
    return stat $file;
}

sub open_file { open_in_root($_[0], O_RDONLY | O_NONBLOCK | O_NOCTTY) }

# The names in a folder, sorted; at most so many. Leaves the working folder at the root.
sub names {
    my ($folder, $most) = @_;
    chdir $folder or return;
    my @names;
    opendir my $listing, '.' or return;
    while (defined(my $name = readdir $listing)) {
        next if $name eq '.' || $name eq '..';
        push @names, $name;
        last if @names > $most;
    }
    closedir $listing;
    chdir $root;
    return [sort @names];
}

sub open_folder { open_in_root($_[0], O_RDONLY | O_NONBLOCK | O_DIRECTORY) }

# Walks to a folder and makes it the working folder. `make` is called with each name that isn't there, and `may_follow`
# with the status of each link; both in the folder where it is. A `..` is walked again from the root: a folder that was
# moved out meanwhile has a parent outside. Returns the path without links, and how many parts were missing, which
# are left out where there is no `make`.
sub walk {
    my ($path, %on) = @_;
    my @parts = split m{/+}, $path;
    my (@here, $links);
    chdir $root or Failure::throw_errno('/', 'enter');
    while (@parts) {
        my $part = shift @parts;
        next if $part eq '' || $part eq '.';
        if ($part eq '..') {
            pop @here;
            unshift @parts, splice @here;
            chdir $root;
            next;
        }
        my $full = '/' . join '/', @here, $part;
        if (sysopen my $folder, $part, O_PATH | O_DIRECTORY | O_NOFOLLOW) {
            chdir $folder or Failure::throw_errno($full, 'enter');
            push @here, $part;
        } elsif ($! == ENOENT) {
            return ('/' . join('/', @here), 1 + @parts) if !$on{make};
            $on{make}->($part, $full);
            unshift @parts, $part;
        } else {
            my $reason = $! + 0;
            my ($target, @status) = link_here($part);
            if (!defined $target) { $! = $reason; Failure::throw_errno($full, 'enter') }
            if (++$links > $MAX_LINKS) { $! = ELOOP; Failure::throw_errno($full, 'enter') }
            $on{may_follow}->($full, @status) if $on{may_follow};
            if ($target =~ m{\A/}) { @here = (); chdir $root }
            unshift @parts, split m{/+}, $target;
        }
    }
    return ('/' . join('/', @here), 0);
}

# Target and status of one and the same link, whatever takes its place meanwhile; nothing where it isn't one.
sub link_here {
    my ($name) = @_;
    sysopen my $link, $name, O_PATH | O_NOFOLLOW or return;
    my @status = stat $link;
    return if !S_ISLNK($status[2]);
    my ($self, $buffer) = ('', "\0" x 4096);
    my $length = syscall SYS_READLINKAT, fileno $link, $self, $buffer, length $buffer;
    return $length < 0 ? () : (substr($buffer, 0, $length), @status);
}

# Where a path really is: no link in it. A hint, since it may change at once.
sub physical {
    my ($path) = @_;
    for (0 .. $MAX_LINKS) {
        my ($folder, $name) = split_last($path);
        my ($real, $missing) = walk($folder);
        if ($missing) { chdir $root; return $path }
        my $target = readlink $name;
        chdir $root;
        return join_path($real, $name) if !defined $target;
        $path = $target =~ m{\A/} ? $target : join_path($real, $target);
    }
    $! = ELOOP;
    Failure::throw_errno($path, 'resolve');
}

# The folder and the last part; a path that ends in `..` has no last part.
sub split_last {
    my @parts = grep { $_ ne '' && $_ ne '.' } split m{/+}, $_[0];
    my $name = @parts && $parts[-1] ne '..' ? pop @parts : '.';
    return ('/' . join('/', @parts), $name);
}

sub join_path {
    my ($folder, $name) = @_;
    return $folder if $name eq '' || $name eq '.';
    return $folder eq '/' ? "/$name" : "$folder/$name";
}

# A file's kind in words, where it isn't one that can be read.
sub strange_kind {
    my ($mode) = @_;
    return S_ISREG($mode) || S_ISDIR($mode) ? undef
        : S_ISFIFO($mode) ? 'a FIFO'
        : S_ISSOCK($mode) ? 'a socket'
        : S_ISLNK($mode)  ? 'a symbolic link'
        :                   'a device';
}

1;
