#!/usr/bin/perl
# The confined tree: reads and writes files below one root folder that others may change meanwhile (a task's own tree,
# a shared folder). It makes that folder its root, becomes an unprivileged user, and only then looks at a single name;
# so a symbolic link, or a race for one, leads to nothing that isn't below the root and that user's to touch.
# src/warden/tree.ts is its only caller. Needs perl-base alone.
#
#     tree.pl read                      stdout: entries
#     tree.pl write    stdin: entries   stdout: results
#     tree.pl copy                      stdout: results; reader and writer are two processes and a pipe
#
# The setup is read from descriptor 3: stdin and stdout may lead to somebody who must not write it.
#
# A frame is one byte of kind, four bytes of length (big endian), and so many bytes (at most 1 MiB). But for D, the
# bytes are fields with a NUL between them, which is in no path. ID is the number of a request.
#
#   setup    S side key value …     side is `from` or `to`; keys: see %SETTINGS
#            Q ID kind path prefix  what to read: kind is file, directory, any or glob; prefix is cut off from matches
#            P ID path              where what has this ID is written
#            G                      go
#   entries  F ID rel path mode size mtime    a file; D and H follow, then E; or, where contents are off, nothing
#            C ID rel path mode               a directory
#            D bytes, H length, E             content, a hole in it, and its end
#            L ID rel path mode size mtime uid gid    a file or directory, where contents are off; path has no link
#            M ID path text                   for people: what was left out, and why
#            X ID code path text              the request has failed, a file that was begun is void; nothing follows
#            Z ID                             the request is complete
#            N                                there is nothing more: without it, the stream was cut
#   results  W ID rel path size               a file is in place; path is where it came from; M, X, Z, N as above
#
# `code` is not-found, denied, disk-full, limit or failed. Requests are served, and entries must come, by order of ID.
use strict;
use warnings;
use Fcntl ();
use POSIX ();

my $folder;
BEGIN {
    $folder = __FILE__ =~ s{[^/]+\z}{}r . 'tree';
    require "$folder/$_.pm" for qw(frames failure confinement path pattern reader writer);
}

# root: the folder. as: `uid:gid`, or by each request the owner of its target or of the parent that is there. all: keeps
# the capability to pass by permission bits. shown: stands before paths in messages. contents, entries, bytes, depth:
# whether content is read, and how much at most. files: `keep` permission bits, or `open`: 0664, 0775. sync: to the
# disk. links: to folders are followed, `any` or those of the `owner` and root.
my %SETTINGS = (
    from => { root => undef, as => undef, all => 0, contents => 1, entries => undef, bytes => undef, depth => undef, shown => '' },
    to   => { root => undef, as => undef, all => 0, files => 'keep', sync => 0, links => 'any', shown => '' },
);

$SIG{PIPE} = 'IGNORE';
umask 0;
my $mode = shift @ARGV // '';
my %run = (read => \&read_tree, write => \&write_tree, copy => \&copy_tree);
die "usage: tree.pl read|write|copy\n" if !$run{$mode};
my ($sides, $wanted, $places) = take_setup();
$run{$mode}->();
POSIX::_exit(0);

sub take_setup {
    my (%sides, @wanted, @places);
    open my $from, '<&=', 3 or die "descriptor 3: $!\n";
    while (my ($kind, $payload) = Frames::take($from)) {
        my @fields = split /\0/, $payload, -1;
        if ($kind eq 'G') { return (\%sides, \@wanted, \@places) }
        elsif ($kind eq 'Q') { push @wanted, { id => $fields[0], kind => $fields[1], path => $fields[2], prefix => $fields[3] } }
        elsif ($kind eq 'P') { push @places, { id => $fields[0], path => $fields[1] } }
        elsif ($kind eq 'S') {
            my ($side, %given) = @fields;
            $sides{$side} = { %{ $SETTINGS{$side} }, %given };
            $sides{$side}{as} = Confinement::identity($sides{$side}{as});
        }
        else { die "a setup has no frame $kind\n" }
    }
    POSIX::_exit(1);    # the caller is gone
}

sub read_tree { Reader::serve(\*STDOUT, $sides->{from}, $wanted) }

sub write_tree { Writer::serve(\*STDIN, \*STDOUT, $sides->{to}, $places) }

# The writer is the process that was started; where it dies, the reader finds nobody at the end of the pipe.
sub copy_tree {
    pipe(my $taking, my $giving) or die "pipe: $!\n";
    fcntl($taking, 1031, 1 << 20);    # F_SETPIPE_SZ; only speed depends on it
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        close $taking;
        open STDOUT, '>', '/dev/null' or die "/dev/null: $!\n";    # so that its reader waits for the writer alone
        Reader::serve($giving, $sides->{from}, $wanted);
        POSIX::_exit(0);
    }
    close $giving;
    Writer::serve($taking, \*STDOUT, $sides->{to}, $places);
    close $taking;
    waitpid $pid, 0;
}
