# The reader is a part of the module imap.so.
set(LIBS imap_parts)
