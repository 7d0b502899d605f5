set(SOURCES ${CMAKE_SOURCE_DIR}/backend/local/name.c)
