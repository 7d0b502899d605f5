set(SOURCES ${CMAKE_SOURCE_DIR}/fcgi/basic.c)
