# Frames of src/warden/tree.pl on a descriptor. Never reads beyond the frame, so that processes can take turns.
package Frames;
use strict;
use warnings;
use Errno qw(EINTR);

my $MAX_BYTES = 1 << 20;

sub emit {
    my ($to, $kind, @fields) = @_;
    put($to, frame($kind, join "\0", @fields));
}

sub frame {
    my ($kind, $payload) = @_;
    return pack('a1 N', $kind, length $payload) . $payload;
}

sub put {
    my ($to, $bytes) = @_;
    my $at = 0;
    while ($at < length $bytes) {
        my $n = syswrite $to, $bytes, length($bytes) - $at, $at;
        next if !defined $n && $! == EINTR;
        POSIX::_exit(1) if !defined $n;    # nobody is there to be told
        $at += $n;
    }
}

# Kind and payload, or nothing at the end of the stream.
sub take {
    my ($from) = @_;
    my $header = exactly($from, 5) // return;
    my ($kind, $length) = unpack 'a1 N', $header;
    die "a frame of $length bytes\n" if $length > $MAX_BYTES;
    my $payload = exactly($from, $length) // return;
    return ($kind, $payload);
}

sub exactly {
    my ($from, $length) = @_;
    my $bytes = '';
    while (length $bytes < $length) {
        my $n = sysread $from, $bytes, $length - length $bytes, length $bytes;
        next if !defined $n && $! == EINTR;
        return undef if !$n;
    }
    return $bytes;
}

1;
