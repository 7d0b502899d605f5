# The parser is a part of the library that both DAV modules share.
set(LIBS dav)
