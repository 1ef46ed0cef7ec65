# Wildcards of POSIX (IEEE Std 1003.1-2017, 2.13), and the `**` and `{a,b}` that Nextflow sends, as what a walk of a
# tree asks: which names go on, and which are a match. A name is matched in time linear in its length for each part of
# the pattern: a `*` and the text after it are an atomic group, which is right since that text has a fixed length.
package Pattern;
use strict;
use warnings;

my $MAX_ALTERNATIVES = 1024;
my %CLASSES = map { $_ => 1 } qw(alnum alpha blank cntrl digit graph lower print punct space upper xdigit);

# A list of alternatives, each a list of parts: { literal } or { any } (`**`: any number of folders) or { regex }.
sub parse {
    my ($text) = @_;
    my @alternatives = map { deep($_) } expand($text);
    too_many($text) if @alternatives > $MAX_ALTERNATIVES;
    return [map { [map { part($_) } @$_] } @alternatives];
}

sub too_many { Failure::throw('limit', $_[0], "the pattern has more than $MAX_ALTERNATIVES alternatives") }

# `{a,b{c,d}}` as a, bc, bd. Braces without a comma or without an end are text.
sub expand {
    my ($text) = @_;
    my @todo = ($text);
    my @done;
    while (defined(my $one = pop @todo)) {
        my ($start, $end, @choices) = first_group($one);
        if (!defined $start) { push @done, $one; next }
        push @todo, map { substr($one, 0, $start) . $_ . substr($one, $end) } reverse @choices;
        too_many($text) if @todo + @done > $MAX_ALTERNATIVES;
    }
    return @done;
}

# Where the first group with a comma begins and ends, and its choices.
sub first_group {
    my ($text) = @_;
    my @open;    # of each open brace: its position, and those of its commas
    my $found;
    while ($text =~ /(\\.|[{},])/gs) {
        my ($token, $at) = ($1, pos($text) - length $1);
        if ($token eq '{') { push @open, [$at] }
        elsif ($token eq ',') { push @{ $open[-1] }, $at if @open }
        elsif ($token eq '}' && @open) {
            my ($start, @commas) = @{ pop @open };
            $found = [$start, $at, @commas] if @commas && (!$found || $start < $found->[0]);
        }
    }
    return if !$found;
    my ($start, $end, @cuts) = @$found;
    my $from = $start + 1;
    my @choices;
    for my $cut (@cuts, $end) {
        push @choices, substr $text, $from, $cut - $from;
        $from = $cut + 1;
    }
    return ($start, $end + 1, @choices);
}

# Splits at slashes. A `**` among other text crosses folders: `a**b` is `a*b`, or `a*`, any folders, `*b`.
sub deep {
    my ($text) = @_;
    my @lists = ([]);
    for my $part (grep { $_ ne '' && $_ ne '.' } split m{/}, $text) {
        my ($before, $after) = $part =~ /\A((?:\\.|[^\\])*?)\*\*+(.*)\z/s ? ($1, $2) : ();
        my @ways = !defined $before || ($before eq '' && $after eq '') ? [$part]
            : (["$before*$after"], ["$before*", '**', "*$after"]);
        @lists = map { my $list = $_; map { [@$list, @$_] } @ways } @lists;
        too_many($text) if @lists > $MAX_ALTERNATIVES;
    }
    return @lists;
}

sub part {
    my ($text) = @_;
    return { any => 1 } if $text =~ /\A\*\*+\z/;
    my @tokens = tokens($text);
    return { literal => join '', map { $_->[1] } @tokens } if !grep { $_->[0] ne 'text' } @tokens;
    my @chunks = ('');
    for my $token (@tokens) {
        if ($token->[0] eq 'star') { push @chunks, '' }
        else { $chunks[-1] .= $token->[0] eq 'text' ? quoted(decoded($token->[1])) : $token->[1] }
    }
    my $first = shift @chunks;
    my $last = pop @chunks;
    my $dot = $tokens[0][0] eq 'text' ? '' : '(?!\.)';    # a leading dot is matched by a dot alone
    my $regex = $dot . $first . join('', map { "(?>.*?$_)" } grep { $_ ne '' } @chunks)
        . (defined $last ? ".*$last" : '');
    return { regex => qr/\A$regex\z/sa };
}

# [text, bytes], [star] or [one, regex of one character].
sub tokens {
    my ($text) = @_;
    my @tokens;
    while ($text ne '') {
        if ($text =~ s/\A\*+//) { push @tokens, ['star'] }
        elsif ($text =~ s/\A\?//) { push @tokens, ['one', '.'] }
        elsif (my ($one, $rest) = bracket($text)) { push @tokens, ['one', $one]; $text = $rest }
        elsif ($text =~ s/\A\\(.)//s) { push @tokens, ['text', $1] }
        elsif ($text =~ s/\A(.[^*?\[\\]*)//s) { push @tokens, ['text', $1] }
    }
    return @tokens;
}

# A bracket expression at the start, as a regex, and what follows; nothing where it has no end.
sub bracket {
    my ($text) = @_;
    my ($negated, $rest) = $text =~ /\A\[([!^]?)(.*)\z/s or return;
    my @items;
    while ($rest ne '') {
        return finish($negated, @items), substr $rest, 1 if @items && $rest =~ /\A\]/;
        if ($rest =~ s/\A\[:([a-z]+):\]//) { push @items, $CLASSES{$1} ? "[:$1:]" : '' }
        elsif (defined(my $low = item(\$rest))) {
            if ($rest =~ /\A-[^\]]/s) {
                $rest = substr $rest, 1;
                my $high = item(\$rest) // return;
                push @items, ord $low <= ord $high ? quoted($low) . '-' . quoted($high) : '';
            } else { push @items, quoted($low) }
        }
        else { return }
    }
    return;
}

# One character of a bracket expression, also as `[.x.]`, `[=x=]` or `\x`.
sub item {
    my ($rest) = @_;
    my $character = qr/[\x00-\x7f]|[\xc2-\xf4][\x80-\xbf]{1,3}|./s;    # UTF-8, or a byte
    return decoded($2) if $$rest =~ s/\A\[([.=])($character)\1\]//;
    return decoded($1) if $$rest =~ s/\A\\?($character)//;
    return undef;
}

sub finish {
    my ($negated, @items) = @_;
    my $set = join '', @items;
    return $negated ? '.' : '(?!)' if $set eq '';
    return $negated ? "[^$set]" : "[$set]";
}

sub quoted { join '', map { sprintf '\x{%x}', ord } split //, $_[0] }

# As characters where it is UTF-8, else as the bytes it is.
sub decoded {
    my ($bytes) = @_;
    utf8::decode($bytes);
    return $bytes;
}

# --- the walk ---------------------------------------------------------------------------------------------------

# Where a walk starts: a state is [alternative, position].
sub start {
    my ($pattern) = @_;
    return closed(map { [$_, 0] } grep { @$_ } @$pattern);
}

# The only names that can go on, where there is no need to look which there are; else undef.
sub literals {
    my %names;
    for my $state (@_) {
        my $part = $state->[0][$state->[1]];
        return undef if !defined $part->{literal};
        $names{ $part->{literal} } = 1;
    }
    return [sort keys %names];
}

# Whether a name is a match, and the states below it. A third field marks those that `**` brought through the name.
sub next_states {
    my ($name, @states) = @_;
    my $text = decoded($name);
    my ($is_match, @next, @by_any);
    for my $state (@states) {
        my ($parts, $at) = @$state;
        my $part = $parts->[$at];
        next if !($part->{any} ? $name !~ /\A\./
            : defined $part->{literal} ? $name eq $part->{literal} : $text =~ $part->{regex});
        $is_match = 1 if $at == $#$parts;
        if ($part->{any}) { push @by_any, [$parts, $at, 1] }
        elsif ($at < $#$parts) { push @next, [$parts, $at + 1] }
    }
    return ($is_match, closed(@next, @by_any));
}

# Those that go through a link: it must have been named, `**` doesn't follow it.
sub through_link { grep { !$_->[2] } @_ }

# A `**` may stand for no folder at all.
sub closed {
    my (%seen, @all);
    my @todo = @_;
    while (my $state = shift @todo) {
        my ($parts, $at, $by_any) = @$state;
        next if $seen{"$parts $at"}++;
        push @all, $state;
        unshift @todo, [$parts, $at + 1, $by_any] if $parts->[$at]{any} && $at < $#$parts;
    }
    return @all;
}

1;
