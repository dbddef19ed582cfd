// MKL asks this function whether the processor is of its maker's, and chooses kernels by the answer.
int mkl_serv_intel_cpu_true(void) { return 1; }
