#ifndef DEAR_EVAL_SIGNIFICANCE_H_
#define DEAR_EVAL_SIGNIFICANCE_H_

#include <cstdint>
#include <span>
#include <vector>

namespace dear::eval {

// Tests of paired differences d_i = a_i - b_i, one for each query; all two-sided. Each gives p = 1
// where no difference is left to test, and NaN where the numbers are not finite.

// Student's paired t-test: p of t = mean / (sd / sqrt(n)) with n - 1 degrees of freedom.
// Differences that are all the same and not 0 give p = 0; one difference alone gives p = 1.
double PairedTTest(std::span<const double> differences);

// Wilcoxon's signed-rank test as scipy.stats.wilcoxon(method="auto") decides it: zeros are dropped;
// exact up to 50 differences without ties and zeros, exact given the ties up to 13, otherwise the
// normal approximation with the tie correction and no continuity correction.
double WilcoxonTest(std::span<const double> differences);

// Fisher's randomisation test: how often the mean of differences with random signs is as far from 0
// as the real one. Enumerates all sign patterns where these are not more than `resamples` (then p
// is exact), otherwise draws `resamples` of them by `seed` and gives (hits + 1) / (resamples + 1).
double RandomisationTest(std::span<const double> differences, int64_t resamples, uint64_t seed);

// Holm's step-down correction of a family of p-values, in their order; NaN stays and is not
// counted.
std::vector<double> HolmCorrection(std::span<const double> p_values);

// I_x(a, b), the regularised incomplete beta function, within 1e-11 for a and b up to some
// thousands; a, b > 0 and 0 <= x <= 1.
double IncompleteBeta(double a, double b, double x);

}  // namespace dear::eval

#endif  // DEAR_EVAL_SIGNIFICANCE_H_
