/* Times products of matrices in OpenBLAS, for peers.py, which compiles and starts it:
 *
 *     cc -O2 -o openblas openblas.c -lopenblas
 *     OPENBLAS_CORETYPE=SkylakeX ./openblas BUDGET < shapes
 *
 * A line of input is "PRECISION TRANS THREADS M N K", such as "f32 NT 1 200 784 500": C = op(A) op(B), row-major, op(A) of M x K.
 * A line of output repeats it and adds the seconds of a call in each sample. The first line of output is "# " and the
 * configuration of the library. A product of one column is GEMV, as in BLAS programs. Samples and their end are those of bench/row: of
 * one thread, those that waited a hundredth of their time for a processor are left out while enough others are left. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LEAST = 11, MOST = 101 };
static const double BOUND = .005, SAMPLE = 2e-3;

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* lost is the time that this thread has waited for a processor that others had, 0 where Linux does not tell. */
static double lost(void) {
	FILE *f = fopen("/proc/thread-self/schedstat", "r");
	long long ran, waited = 0;
	if (!f)
		return 0;
	if (fscanf(f, "%lld %lld", &ran, &waited) != 2)
		waited = 0;
	fclose(f);
	return 1e-9 * waited;
}

typedef struct {
	int single, transA, transB, m, n, k;
	void *a, *b, *c;
} product;

static void run(const product *p) {
	enum CBLAS_TRANSPOSE ta = p->transA ? CblasTrans : CblasNoTrans, tb = p->transB ? CblasTrans : CblasNoTrans;
	int lda = p->transA ? p->m : p->k, ldb = p->transB ? p->k : p->n;
	if (p->n == 1 && p->single)
		cblas_sgemv(CblasRowMajor, ta, p->transA ? p->k : p->m, lda, 1, p->a, lda, p->b, 1, 0, p->c, 1);
	else if (p->n == 1)
		cblas_dgemv(CblasRowMajor, ta, p->transA ? p->k : p->m, lda, 1, p->a, lda, p->b, 1, 0, p->c, 1);
	else if (p->single)
		cblas_sgemm(CblasRowMajor, ta, tb, p->m, p->n, p->k, 1, p->a, lda, p->b, ldb, 0, p->c, p->n);
	else
		cblas_dgemm(CblasRowMajor, ta, tb, p->m, p->n, p->k, 1, p->a, lda, p->b, ldb, 0, p->c, p->n);
}

static double at(const product *p, const void *x, size_t i) { return p->single ? ((const float *)x)[i] : ((const double *)x)[i]; }

/* wrong tells whether an element of C, of a few, is not the sum that it should be. */
static int wrong(const product *p) {
	for (int s = 0; s < 16; s++) {
		size_t i = (size_t)s * 7919 % p->m, j = (size_t)s * 104729 % p->n;
		double sum = 0;
		for (size_t l = 0; l < (size_t)p->k; l++)
			sum += at(p, p->a, p->transA ? l * p->m + i : i * p->k + l) * at(p, p->b, p->transB ? j * p->k + l : l * p->n + j);
		if (!(fabs(at(p, p->c, i * p->n + j) - sum) <= (p->single ? 6e-8 : 1.1e-16) * (p->k + 2) * p->k))
			return 1;
	}
	return 0;
}

static void *uniform(int single, size_t n) {
	void *x;
	if (posix_memalign(&x, 64, n * (single ? sizeof(float) : sizeof(double)) + 64))
		exit(1);
	for (size_t i = 0; i < n; i++) {
		double v = 2. * rand() / RAND_MAX - 1;
		if (single)
			((float *)x)[i] = v;
		else
			((double *)x)[i] = v;
	}
	return x;
}

static int ascending(const void *x, const void *y) {
	double d = *(const double *)x - *(const double *)y;
	return (d > 0) - (d < 0);
}

static double median(const double *x, int n) {
	double s[MOST];
	memcpy(s, x, n * sizeof *x);
	qsort(s, n, sizeof *s, ascending);
	return n % 2 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
}

/* agree tells whether the median absolute deviation is small. */
static int agree(const double *x, int n) {
	double mid = median(x, n), d[MOST];
	for (int i = 0; i < n; i++)
		d[i] = fabs(x[i] - mid);
	return median(d, n) <= BOUND * mid;
}

static void measure(const product *p, double budget, int threads) {
	double samples[MOST], others[MOST], began = now();
	run(p);
	long calls = 1 + (long)(SAMPLE / (now() - began + 1e-9));
	for (long i = 0; i < calls && now() - began < budget / 4; i++)
		run(p);
	began = now();
	run(p);
	calls = 1 + (long)(SAMPLE / (now() - began + 1e-9));
	began = now();
	int n = 0, m = 0;
	while (n + m < MOST && !(n >= LEAST && agree(samples, n)) && !(n + m >= 3 && now() - began > budget)) {
		double waited = lost(), t = now();
		for (long i = 0; i < calls; i++)
			run(p);
		t = now() - t;
		if (threads > 1 || lost() - waited <= .01 * t)
			samples[n++] = t / calls;
		else
			others[m++] = t / calls;
	}
	for (int i = 0; n < 3 && i < m; i++)
		samples[n++] = others[i];
	for (int i = 0; i < n; i++)
		printf(" %.6e", samples[i]);
}

int main(int argc, char **argv) {
	double budget = argc > 1 ? atof(argv[1]) : 1;
	char precision[8], trans[8];
	int threads;
	product p;
	printf("# %s\n", openblas_get_config());
	while (scanf("%7s %7s %d %d %d %d", precision, trans, &threads, &p.m, &p.n, &p.k) == 6) {
		p.single = !strcmp(precision, "f32");
		p.transA = trans[0] == 'T';
		p.transB = trans[1] == 'T';
		p.a = uniform(p.single, (size_t)p.m * p.k);
		p.b = uniform(p.single, (size_t)p.k * p.n);
		p.c = uniform(p.single, (size_t)p.m * p.n);
		openblas_set_num_threads(threads);
		run(&p);
		if (wrong(&p)) {
			fprintf(stderr, "openblas: %s %s %d x %d x %d is wrong\n", precision, trans, p.m, p.n, p.k);
			return 1;
		}
		printf("%s %s %d %d %d %d", precision, trans, threads, p.m, p.n, p.k);
		measure(&p, budget, threads);
		printf("\n");
		fflush(stdout);
		free(p.a);
		free(p.b);
		free(p.c);
	}
	return 0;
}
