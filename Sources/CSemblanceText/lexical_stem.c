// Snowball's English stemmer ("Porter2", as of Snowball 3): M. F. Porter, snowballstem.org/algorithms/english.
// R1 and R2 are the regions after the first and the second vowel-consonant sequence; the rules are data, longest first.
#include "semblance_lexical.h"

#include <stdbool.h>
#include <string.h>

typedef struct {
    uint8_t *letters; // one byte a character; a consonant y is 'Y', what is not ASCII is OTHER
    size_t count;
    size_t r1, r2;
} word;

enum { OTHER = 0xFF }; // in no UTF-8 text

typedef enum { REPLACE, AFTER_L, AFTER_VALID_LI, AFTER_S_OR_T, IN_R2 } condition;

typedef struct {
    const char *suffix, *replacement;
    condition condition;
} rule;

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool is_vowel(uint8_t letter) {
    return letter == 'a' || letter == 'e' || letter == 'i' || letter == 'o' || letter == 'u' || letter == 'y';
}

static bool is_in(uint8_t letter, const char *set) { return letter != 0 && letter != OTHER && strchr(set, letter) != NULL; }

static bool ends(const word *w, const char *suffix) {
    size_t length = strlen(suffix);
    return w->count >= length && memcmp(w->letters + w->count - length, suffix, length) == 0;
}

static bool is(const word *w, size_t count, const char *text) {
    return strlen(text) == count && memcmp(w->letters, text, count) == 0;
}

static bool is_one_of(const word *w, size_t count, const char *const *texts, size_t number) {
    for (size_t i = 0; i < number; i++) {
        if (is(w, count, texts[i])) return true;
    }
    return false;
}

/// Writes `replacement` over everything from `start` on; there is room, for nothing ever grows.
static void replace(word *w, size_t start, const char *replacement) {
    size_t length = strlen(replacement);
    memcpy(w->letters + start, replacement, length);
    w->count = start + length;
}

static bool has_vowel(const word *w, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (is_vowel(w->letters[i])) return true;
    }
    return false;
}

/// Whether the first `count` letters end in a short syllable.
static bool ends_short(const word *w, size_t count) {
    const uint8_t *l = w->letters;
    if (count >= 3 && !is_vowel(l[count - 3]) && is_vowel(l[count - 2]) && !is_vowel(l[count - 1])
        && !is_in(l[count - 1], "wxY")) return true;
    if (count == 2 && is_vowel(l[0]) && !is_vowel(l[1])) return true;
    return is(w, count, "past");
}

/// After the first consonant that follows a vowel, from `start` on; the end if there is none.
static size_t region(const word *w, size_t start) {
    size_t i = start;
    while (i < w->count && !is_vowel(w->letters[i])) i++;
    while (i < w->count && is_vowel(w->letters[i])) i++;
    return i < w->count ? i + 1 : w->count;
}

static void mark(word *w) {
    static const char *const stems[] = {"gener", "commun", "arsen", "past", "univers", "later", "emerg", "organ", "inter"};
    for (size_t i = 0; i < w->count; i++) {
        if (w->letters[i] == 'y' && (i == 0 || is_vowel(w->letters[i - 1]))) w->letters[i] = 'Y';
    }
    w->r1 = 0;
    for (size_t i = 0; i < COUNT(stems) && w->r1 == 0; i++) {
        size_t length = strlen(stems[i]);
        if (w->count >= length && memcmp(w->letters, stems[i], length) == 0) w->r1 = length;
    }
    if (w->r1 == 0) w->r1 = region(w, 0);
    w->r2 = region(w, w->r1);
}

/// Possessives, then plurals.
static void step_1a(word *w) {
    size_t n = w->count;
    if (ends(w, "'s'")) w->count = n - 3;
    else if (ends(w, "'s")) w->count = n - 2;
    else if (ends(w, "'")) w->count = n - 1;
    n = w->count;
    if (ends(w, "sses")) replace(w, n - 4, "ss");
    else if (ends(w, "ied") || ends(w, "ies")) replace(w, n - 3, n > 4 ? "i" : "ie");
    else if (ends(w, "us") || ends(w, "ss")) return;
    else if (ends(w, "s") && n >= 2 && has_vowel(w, n - 2)) w->count = n - 1;
}

/// -eed, -ed, -ing, with and without -ly.
static void step_1b(word *w) {
    static const char *const whole_eed[] = {"proc", "exc", "succ"};
    static const char *const whole_ing[] = {"inn", "out", "cann", "herr", "earr", "even"};
    static const char *const suffixes[] = {"eedly", "ingly", "edly", "eed", "ing", "ed"};
    size_t found = 0;
    while (found < COUNT(suffixes) && !ends(w, suffixes[found])) found++;
    if (found == COUNT(suffixes)) return;
    const char *suffix = suffixes[found];
    size_t start = w->count - strlen(suffix);
    if (suffix[0] == 'e' && suffix[1] == 'e') {
        if (start >= w->r1 && !is_one_of(w, start, whole_eed, COUNT(whole_eed))) replace(w, start, "ee");
        return;
    }
    if (strcmp(suffix, "ing") == 0) {
        if (start == 2 && !is_vowel(w->letters[0]) && w->letters[1] == 'y') {
            replace(w, 1, "ie");
            return;
        }
        if (is_one_of(w, start, whole_ing, COUNT(whole_ing))) return;
    }
    if (!has_vowel(w, start)) return;
    w->count = start;
    uint8_t last = start >= 1 ? w->letters[start - 1] : 0, before = start >= 2 ? w->letters[start - 2] : 0;
    if (ends(w, "at") || ends(w, "bl") || ends(w, "iz")) {
        replace(w, start, "e");
    } else if (last == before && is_in(last, "bdfgmnprt")) {
        if (start != 3 || !is_in(w->letters[0], "aeo")) w->count = start - 1;
    } else if (start <= w->r1 && ends_short(w, start)) {
        replace(w, start, "e");
    }
}

static void step_1c(word *w) {
    size_t n = w->count;
    if (n >= 3 && is_in(w->letters[n - 1], "yY") && !is_vowel(w->letters[n - 2])) w->letters[n - 1] = 'i';
}

static const rule step_2[] = {
    {"ational", "ate", REPLACE}, {"fulness", "ful", REPLACE}, {"iveness", "ive", REPLACE}, {"ization", "ize", REPLACE},
    {"ousness", "ous", REPLACE}, {"biliti", "ble", REPLACE}, {"lessli", "less", REPLACE}, {"tional", "tion", REPLACE},
    {"alism", "al", REPLACE}, {"aliti", "al", REPLACE}, {"ation", "ate", REPLACE}, {"entli", "ent", REPLACE},
    {"fulli", "ful", REPLACE}, {"iviti", "ive", REPLACE}, {"ogist", "og", REPLACE}, {"ousli", "ous", REPLACE},
    {"abli", "able", REPLACE}, {"alli", "al", REPLACE}, {"anci", "ance", REPLACE}, {"ator", "ate", REPLACE},
    {"enci", "ence", REPLACE}, {"izer", "ize", REPLACE}, {"bli", "ble", REPLACE}, {"ogi", "og", AFTER_L},
    {"li", "", AFTER_VALID_LI},
};

static const rule step_3[] = {
    {"ational", "ate", REPLACE}, {"tional", "tion", REPLACE}, {"alize", "al", REPLACE}, {"ative", "", IN_R2},
    {"icate", "ic", REPLACE}, {"iciti", "ic", REPLACE}, {"ical", "ic", REPLACE}, {"ness", "", REPLACE},
    {"ful", "", REPLACE},
};

static const rule step_4[] = {
    {"ement", "", REPLACE}, {"able", "", REPLACE}, {"ance", "", REPLACE}, {"ence", "", REPLACE}, {"ible", "", REPLACE},
    {"ment", "", REPLACE}, {"ant", "", REPLACE}, {"ate", "", REPLACE}, {"ent", "", REPLACE}, {"ion", "", AFTER_S_OR_T},
    {"ism", "", REPLACE}, {"iti", "", REPLACE}, {"ive", "", REPLACE}, {"ize", "", REPLACE}, {"ous", "", REPLACE},
    {"al", "", REPLACE}, {"er", "", REPLACE}, {"ic", "", REPLACE},
};

/// Applies the longest matching rule, if its suffix lies in the region that begins at `from`.
static void apply(word *w, const rule *rules, size_t number, size_t from) {
    for (const rule *r = rules; r < rules + number; r++) {
        if (!ends(w, r->suffix)) continue;
        size_t start = w->count - strlen(r->suffix);
        uint8_t before = start > 0 ? w->letters[start - 1] : 0;
        if (start < from || (r->condition == IN_R2 && start < w->r2) || (r->condition == AFTER_L && before != 'l')
            || (r->condition == AFTER_VALID_LI && !is_in(before, "cdeghkmnrt"))
            || (r->condition == AFTER_S_OR_T && !is_in(before, "st"))) return;
        replace(w, start, r->replacement);
        return;
    }
}

static void step_5(word *w) {
    if (w->count == 0) return;
    size_t start = w->count - 1;
    if (w->letters[start] == 'e') {
        if (start >= w->r2 || (start >= w->r1 && !ends_short(w, start))) w->count = start;
    } else if (w->letters[start] == 'l' && start >= w->r2 && start >= 1 && w->letters[start - 1] == 'l') {
        w->count = start;
    }
}

/// Words with a stem of their own, some of them the word itself.
static bool exception(word *w) {
    static const char *const special[][2] = {
        {"skis", "ski"}, {"skies", "sky"}, {"idly", "idl"}, {"gently", "gentl"}, {"ugly", "ugli"}, {"early", "earli"},
        {"only", "onli"}, {"singly", "singl"}, {"sky", "sky"}, {"news", "news"}, {"howe", "howe"}, {"atlas", "atlas"},
        {"cosmos", "cosmos"}, {"bias", "bias"}, {"andes", "andes"},
    };
    for (size_t i = 0; i < COUNT(special); i++) {
        if (is(w, w->count, special[i][0])) {
            replace(w, 0, special[i][1]);
            return true;
        }
    }
    return false;
}

static void stem(word *w) {
    mark(w);
    step_1a(w);
    step_1b(w);
    step_1c(w);
    apply(w, step_2, COUNT(step_2), w->r1);
    apply(w, step_3, COUNT(step_3), w->r1);
    apply(w, step_4, COUNT(step_4), w->r2);
    step_5(w);
    for (size_t i = 0; i < w->count; i++) {
        if (w->letters[i] == 'Y') w->letters[i] = 'y';
    }
}

size_t semblance_english_stem(uint8_t *text, size_t count, uint8_t *scratch) {
    word w = {scratch, 0, 0, 0};
    size_t head = 0; // the bytes up to the last character that is not ASCII: no rule changes them
    for (size_t i = 0; i < count; i++) {
        if (text[i] < 0x80) {
            scratch[w.count++] = text[i];
        } else {
            if (text[i] >= 0xC0) scratch[w.count++] = OTHER;
            head = i + 1;
        }
    }
    if (w.count < 3) return count;
    if (exception(&w)) {
        memcpy(text, scratch, w.count);
        return w.count;
    }
    if (scratch[0] == '\'') {
        memmove(scratch, scratch + 1, --w.count);
        memmove(text, text + 1, --count);
        if (head > 0) head--;
    }
    stem(&w);
    size_t tail = 0;
    while (tail < w.count && scratch[w.count - 1 - tail] != OTHER) tail++;
    memcpy(text + head, scratch + w.count - tail, tail);
    return head + tail;
}
