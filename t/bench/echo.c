/* The yardstick for what nginx, FastCGI and a worker cost: as many threads as cpush has, and an answer that was written before. */
#include <fcgiapp.h>
#include <pthread.h>
#include <stddef.h>

#define THREADS 4

static void *
serve(void *unused)
{
	FCGX_Request r;

	(void)unused;
	FCGX_InitRequest(&r, 0, 0);
	while (FCGX_Accept_r(&r) == 0) {
		FCGX_PutS("Status: 200 OK\r\nContent-Length: 0\r\n\r\n", r.out);
		FCGX_Finish_r(&r);
	}
	return NULL;
}

int
main(void)
{
	int n = THREADS;
	pthread_t thread;

	FCGX_Init();
	while (n-- > 1) {
		if (pthread_create(&thread, NULL, serve, NULL))
			return 1;
	}
	serve(NULL);
	return 0;
}
