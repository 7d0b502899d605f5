/* Its file has another name than itself, and half of the operations are missing. */
#include "backend/backend.h"

EXPORT extern const struct backend_ops backend_module;

const struct backend_ops backend_module = {
	.abi = BACKEND_ABI,
	.name = "somebody",
};
