#include "semblance_dates.h"

enum { DAY = 86400 }; // seconds

/// Days since 1970-01-01. Years begin in March here, so that a leap day is a year's last.
static int64_t days(int64_t year, int month, int day) {
    if (month <= 2) year--;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return 365 * year + year / 4 - year / 100 + year / 400 + of_year - 719468;
}

static int month_length(int year, int month) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return lengths[month - 1] + (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

/// The number of `count` digits, -1 if there are others.
static int digits(const uint8_t *text, size_t count) {
    int number = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        number = 10 * number + (text[i] - '0');
    }
    return number;
}

bool semblance_date_read(const uint8_t *text, size_t count, int64_t *milliseconds) {
    if (count < 10 || text[4] != '-' || text[7] != '-') return false;
    int year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_length(year, month)) return false;
    *milliseconds = days(year, month, day) * DAY * 1000;
    if (count == 10) return true;

    const uint8_t *next = text + 11, *end = text + count;
    if ((text[10] != 'T' && text[10] != ' ') || end - next < 5 || next[2] != ':') return false;
    int hour = digits(next, 2), minute = digits(next + 3, 2), second = 0, thousandth = 0;
    next += 5;
    if (end - next >= 3 && *next == ':') {
        second = digits(next + 1, 2);
        next += 3;
        if (end - next >= 2 && *next == '.') {
            const uint8_t *first = ++next;
            int unit = 100;
            for (; next < end && *next >= '0' && *next <= '9'; next++, unit /= 10) thousandth += unit * (*next - '0');
            if (next == first) return false;
        }
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
    int offset = 0; // minutes
    if (end - next == 1 && *next == 'Z') {
        next++;
    } else if (end - next == 6 && (*next == '+' || *next == '-') && next[3] == ':') {
        int hours = digits(next + 1, 2), minutes = digits(next + 4, 2);
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
        offset = (*next == '-' ? -1 : 1) * (60 * hours + minutes);
        next += 6;
    }
    *milliseconds += ((hour * 60 + minute - offset) * 60 + second) * INT64_C(1000) + thousandth;
    return next == end;
}

static uint8_t *put(uint8_t *out, int64_t number, int width, char after) {
    for (int i = width - 1; i >= 0; i--, number /= 10) out[i] = (uint8_t)('0' + number % 10);
    out[width] = (uint8_t)after;
    return out + width + 1;
}

size_t semblance_date_write(int64_t milliseconds, uint8_t *out) {
    if (milliseconds < days(1, 1, 1) * DAY * 1000 || milliseconds >= days(10000, 1, 1) * DAY * 1000) return 0;
    int64_t since = milliseconds - days(1, 1, 1) * DAY * 1000; // not negative
    int64_t day = since / (DAY * 1000), left = since % (DAY * 1000);
    // Years begin in March; 306 days before 0001-01-01 one did.
    int64_t shifted = day + 306, era = shifted / 146097, of_era = shifted % 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t day_of_month = of_year - (153 * month + 2) / 5 + 1;
    int64_t year = era * 400 + year_of_era + (month >= 10);
    uint8_t *next = put(out, year, 4, '-');
    next = put(next, month < 10 ? month + 3 : month - 9, 2, '-');
    next = put(next, day_of_month, 2, 'T');
    next = put(next, left / 3600000, 2, ':');
    next = put(next, left / 60000 % 60, 2, ':');
    next = put(next, left / 1000 % 60, 2, left % 1000 ? '.' : 'Z');
    if (left % 1000) next = put(next, left % 1000, 3, 'Z');
    return (size_t)(next - out);
}
