// Points in time as text: ISO 8601 in the profile of RFC 3339, years 0001 to 9999, proleptic Gregorian calendar, UTC.
#ifndef SEMBLANCE_DATES_H
#define SEMBLANCE_DATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEMBLANCE_DATE_LENGTH = 24 };

/// Reads `2024-05-01`, or a date, `T` or a blank, and a time: `12:30`, `12:30:15` or `12:30:15.25`, then `Z`, an
/// offset like `+02:00`, or nothing, which is UTC. What is beyond milliseconds is cut off. The result is in
/// milliseconds since 1970; false for any other text.
bool semblance_date_read(const uint8_t *_Nullable text, size_t count, int64_t *_Nonnull milliseconds);

/// Writes `2024-05-01T12:30:15Z`, or `…15.250Z` where there are milliseconds; returns how many bytes: at most
/// SEMBLANCE_DATE_LENGTH. 0 if the year isn't from 1 to 9999.
size_t semblance_date_write(int64_t milliseconds, uint8_t *_Nonnull out);

#endif
