#ifndef SEMBLANCE_FILES_H
#define SEMBLANCE_FILES_H

/// Lets two paths of one file system change places in one step; 0, or -1 with errno set.
int semblance_exchange_paths(const char *_Nonnull first, const char *_Nonnull second);

#endif
