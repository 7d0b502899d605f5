/* Gives a fuzz harness the files of its corpus, one by one, without a fuzzer: what once was found stays found.
 *
 * Arguments are files and directories, which are read without their subdirectories. Finding none is an error.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static size_t replayed;

static void
give_up(const char *path)
{
	perror(path);
	exit(1);
}

static void
replay(const char *path, size_t size)
{
	/* Of the very size, so that a sanitizer sees a byte read behind it. */
	uint8_t *data = malloc(size ? size : 1);
	FILE *f = fopen(path, "rb");
	if (!data || !f || fread(data, 1, size, f) != size)
		give_up(path);
	fclose(f);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	replayed++;
}

static void
replay_file(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		give_up(path);
	if (S_ISREG(st.st_mode))
		replay(path, (size_t)st.st_size);
}

static void
replay_argument(const char *path)
{
	DIR *directory = opendir(path);
	if (!directory) {
		replay_file(path);
		return;
	}
	for (struct dirent *entry; (entry = readdir(directory));) {
		char file[4096];
		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(file, sizeof file, "%s/%s", path, entry->d_name) < (int)sizeof file)
			replay_file(file);
	}
	closedir(directory);
}

int
main(int argc, char **argv)
{
	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++)
		replay_argument(argv[i]);
	printf("%zu inputs\n", replayed);
	return replayed > 0 ? 0 : 1;
}
