# Why one request of src/warden/tree.pl has failed: thrown, caught where requests are served, sent as a frame X.
package Failure;
use strict;
use warnings;
use Errno qw(ENOENT ENOTDIR EACCES EPERM EROFS ENOSPC EDQUOT ELOOP);

my %CODES = (
    ENOENT() => 'not-found', ENOTDIR() => 'not-found',
    EACCES() => 'denied', EPERM() => 'denied', EROFS() => 'denied',
    ENOSPC() => 'disk-full', EDQUOT() => 'disk-full',
);

sub throw {
    my ($code, $path, $text) = @_;
    die bless { code => $code, path => $path, text => $text }, __PACKAGE__;
}

# From `$!`, which the caller must not have touched since.
sub throw_errno {
    my ($path, $what) = @_;
    my $errno = $! + 0;
    throw($CODES{$errno} // 'failed', $path, "$what: $!");
}

# What was caught, as code, path, text; anything else is a fault of this program and ends it.
sub fields {
    my ($caught) = @_;
    die $caught if ref $caught ne __PACKAGE__;
    return @$caught{qw(code path text)};
}

1;
