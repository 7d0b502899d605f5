/* base/defs.h - the few macros that the house allows itself.
 *
 * AUTO(type) calls type's destructor when the variable's scope ends. A destructor takes a pointer to the pointer, frees
 * what it points at, stores NULL, and accepts NULL, so that one function serves both as destructor and as cleanup.
 * It is for handles of libraries and our own heap objects; what a request allocates lives in its arena (base/arena.h).
 * Give an AUTO variable away with TAKE() only.
 */
#ifndef BASE_DEFS_H
#define BASE_DEFS_H

#define AUTO(destructor) __attribute__((cleanup(destructor)))
#define TAKE(p) \
	__extension__({ \
		__typeof__(p) taken_ = (p); \
		(p) = NULL; \
		taken_; \
	})
#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define EXPORT __attribute__((visibility("default")))

#endif
