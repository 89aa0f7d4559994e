// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/macs_target.hpp>
#include <prunus/criteria/filter_similarity.hpp>
#include <prunus/criteria/geometric_median.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/prune.hpp>
#include <prunus/structure/coupling.hpp>

#include "support/catch.hpp"
#include "support/criterion_laws.hpp"
#include "support/errors.hpp"

#include <algorithm>  // std::sort
#include <array>      // std::array
#include <cmath>      // std::sqrt
#include <map>        // std::map
#include <tuple>      // std::tuple
#include <vector>     // std::vector

namespace {

using Eigen::Index;
using prunus::errc;
using prunus::filter_similarity;
using prunus::geometric_median;
using prunus::similarity;
using prunus::similarity_form;
using support::nearly;
using support::scores_of;

constexpr std::array<similarity, 3> measures{similarity::cosine, similarity::euclidean,
                                             similarity::correlation};

using table = std::vector<std::vector<double>>;

/// Filters as rows, in the order of their positions.
template <class S>
table rows_of(support::criterion_subject<S>& subject) {
  table rows(static_cast<std::size_t>(subject.shape.out));
  support::for_each_position(subject.shape, [&](Index o, Index i, Index h, Index w) {
    rows[static_cast<std::size_t>(o)].push_back(
        static_cast<double>(static_cast<float>(subject.weight.view()(o, i, h, w))));
  });
  return rows;
}

double norm_of(const std::vector<double>& a) {
  double sum = 0;
  for (double x : a) sum += x * x;
  return std::sqrt(sum);
}

/// The distance of two rows as its definition says.
double naive_distance(std::vector<double> a, std::vector<double> b, similarity measure) {
  if (measure == similarity::euclidean) {
    for (std::size_t k = 0; k < a.size(); ++k) a[k] -= b[k];
    return norm_of(a);
  }
  if (measure == similarity::correlation)
    for (std::vector<double>* row : {&a, &b}) {
      double mean = 0;
      for (double x : *row) mean += x / static_cast<double>(row->size());
      for (double& x : *row) x -= mean;
    }
  double product = 0;
  for (std::size_t k = 0; k < a.size(); ++k) product += a[k] * b[k];
  return 1 - product / (norm_of(a) * norm_of(b));
}

table naive_distances(const table& rows, similarity measure) {
  table d(rows.size(), std::vector<double>(rows.size(), 0));
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < rows.size(); ++j)
      if (i != j) d[i][j] = naive_distance(rows[i], rows[j], measure);
  return d;
}

/// The sweep over a whole network as it is written down: all pairs of all layers in the order of
/// their distance, the totals counted anew for each. Calls stop(alive) before every removal.
template <class Stop>
std::vector<std::vector<std::uint8_t>> naive_sweep(const std::vector<table>& distances,
                                                   const std::vector<std::vector<double>>& norms,
                                                   const Stop& stop) {
  std::vector<std::tuple<double, std::size_t, std::size_t, std::size_t>> pairs;
  std::vector<std::vector<std::uint8_t>> alive;
  for (std::size_t l = 0; l < distances.size(); ++l) {
    alive.emplace_back(distances[l].size(), std::uint8_t{1});
    for (std::size_t i = 0; i < distances[l].size(); ++i)
      for (std::size_t j = i + 1; j < distances[l].size(); ++j)
        pairs.push_back({distances[l][i][j], l, i, j});
  }
  std::sort(pairs.begin(), pairs.end());
  for (const auto& [d, l, i, j] : pairs) {
    if (stop(alive)) break;
    std::vector<std::uint8_t>& live = alive[l];
    if (live[i] == 0 || live[j] == 0) continue;
    const auto total = [&, l = l](std::size_t x) {
      double sum = 0;
      for (std::size_t k = 0; k < live.size(); ++k)
        if (live[k] != 0 && k != x) sum += distances[l][x][k];
      return sum;
    };
    const double at_i = total(i), at_j = total(j);
    const bool tied = std::abs(at_i - at_j) <= 1e-5 * std::max(at_i, at_j);
    const std::size_t victim = tied ? (norms[l][i] < norms[l][j] ? i : j) : (at_i < at_j ? i : j);
    live[victim] = 0;
  }
  return alive;
}

/// The order in which units go, least important first.
template <class T>
std::vector<Index> order_of(const std::vector<T>& scores) {
  std::vector<Index> order;
  for (std::size_t u = 0; u < scores.size(); ++u) order.push_back(static_cast<Index>(u));
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
    return scores[static_cast<std::size_t>(a)] < scores[static_cast<std::size_t>(b)];
  });
  return order;
}

/// Laws that hold for whole filters, which are all that similarity knows.
template <class S, class Criterion>
void check_filter_laws(const Criterion& criterion) {
  STATIC_REQUIRE(prunus::coupling_criterion<Criterion, S>);
  support::check_scores_follow_the_filters<S>(criterion);
  for (const prunus::tile& tile : {prunus::filter, prunus::channel, prunus::head(2)}) {
    support::criterion_subject<S> usual("OIHW", {6, 5, 3, 2}, 1);
    const auto values = usual.weight.values;
    const auto expected = scores_of(criterion, usual.parameter(), tile);
    REQUIRE(scores_of(criterion, usual.parameter(), tile) == expected);
    REQUIRE(usual.weight.values == values);
    for (auto score : expected) REQUIRE(std::isfinite(score));
    for (std::string_view order : support::memory_orders) {
      support::criterion_subject<S> other(order, {6, 5, 3, 2}, 1);
      const auto scores = scores_of(criterion, other.parameter(), tile);
      CAPTURE(order, tile.out, tile.in);
      for (std::size_t u = 0; u < scores.size(); ++u)
        REQUIRE(nearly(scores[u], expected[u], prunus::score_of<S>(1)));
    }
  }
}

}  // namespace

TEMPLATE_TEST_CASE("similarity keeps the laws of criteria for whole filters",
                   "[criteria][filter_similarity]", float, double, Eigen::half, Eigen::bfloat16) {
  for (similarity measure : measures)
    for (similarity_form form : {similarity_form::pair_sweep, similarity_form::distance_sum})
      check_filter_laws<TestType>(filter_similarity{measure, form});
  check_filter_laws<TestType>(geometric_median{});
  support::check_equal_tiles_score_equal<TestType>(geometric_median{});
}

TEMPLATE_TEST_CASE("the sweep of four filters worked out by hand", "[criteria][filter_similarity]",
                   float, double) {
  std::vector<TestType> values{3, 4, 6, 8, 4, 3, -4, 3};
  const prunus::parameter<TestType> p{"w", prunus::view(values, {4, 2})};
  // s01 = 1, s02 = s12 = 0.96, s03 = s13 = 0, s23 = -0.28. First 0 of (0, 1), by its norm, then 1
  // of (1, 2), then, of (2, 3) with equal totals and norms, the larger index 3.
  const auto cosine = scores_of(filter_similarity{}, p, prunus::filter);
  CHECK(cosine[0] == 0);
  CHECK(nearly<TestType>(cosine[1], TestType(0.04), TestType(1)));
  CHECK(nearly<TestType>(cosine[3], TestType(1.28), TestType(1)));
  CHECK(order_of(cosine) == std::vector<Index>{0, 1, 3, 2});
  // Distances 01 = 5, 02 = 1.4142, 03 = 7.0711, 12 = 5.3852, 13 = 11.1803, 23 = 8: of (0, 2) the
  // totals are 13.485 and 14.799, so 0 goes; of (1, 2) 16.57 and 13.39: 2 goes; then 3 < 1 by norm.
  const auto euclid =
      scores_of(filter_similarity{.measure = similarity::euclidean}, p, prunus::filter);
  CHECK(order_of(euclid) == std::vector<Index>{0, 2, 3, 1});
  CHECK(nearly<TestType>(euclid[0], TestType(std::sqrt(2.0))));
  CHECK(nearly<TestType>(euclid[2], TestType(std::sqrt(29.0))));
  CHECK(nearly<TestType>(euclid[3], TestType(std::sqrt(125.0))));
  // Sums of distances.
  const auto sums = scores_of(geometric_median{}, p, prunus::filter);
  const double d01 = 5, d02 = std::sqrt(2.0), d03 = std::sqrt(50.0), d12 = std::sqrt(29.0),
               d13 = std::sqrt(125.0), d23 = 8;
  CHECK(nearly<TestType>(sums[0], TestType(d01 + d02 + d03)));
  CHECK(nearly<TestType>(sums[1], TestType(d01 + d12 + d13)));
  CHECK(nearly<TestType>(sums[2], TestType(d02 + d12 + d23)));
  CHECK(nearly<TestType>(sums[3], TestType(d03 + d13 + d23)));
}

TEMPLATE_TEST_CASE("sums of distances agree with plain loops", "[criteria][filter_similarity]",
                   float, double, Eigen::half) {
  support::random_source random(61);
  for (int round = 0; round < 12; ++round) {
    const support::shape4 shape{random.between(2, 12), random.between(2, 9), random.between(1, 3),
                                random.between(1, 3)};
    const auto order = support::memory_orders[static_cast<std::size_t>(random.between(0, 7))];
    support::criterion_subject<TestType> subject(order, shape, random.bits());
    for (similarity measure : measures) {
      const table d = naive_distances(rows_of(subject), measure);
      const auto sums = scores_of(filter_similarity{measure, similarity_form::distance_sum},
                                  subject.parameter(), prunus::filter);
      for (std::size_t u = 0; u < d.size(); ++u) {
        double expected = 0;
        for (double x : d[u]) expected += x;
        CAPTURE(round, order, u, static_cast<int>(measure));
        REQUIRE(std::abs(static_cast<double>(sums[u]) - expected) <= 1e-5 * expected);
      }
    }
  }
}

TEMPLATE_TEST_CASE("the sweep of a layer agrees with sorted pairs", "[criteria][filter_similarity]",
                   float, double) {
  support::random_source random(62);
  for (int round = 0; round < 20; ++round) {
    const support::shape4 shape{random.between(2, 14), random.between(3, 9), 3, 3};
    support::criterion_subject<TestType> subject("OIHW", shape, random.bits());
    const table rows = rows_of(subject);
    std::vector<double> norms;
    for (const auto& row : rows) norms.push_back(norm_of(row));
    for (similarity measure : measures) {
      const table d = naive_distances(rows, measure);
      const std::vector<Index> order =
          order_of(scores_of(filter_similarity{measure}, subject.parameter(), prunus::filter));
      for (Index removed = 0; removed < shape.out; ++removed) {
        const auto alive = naive_sweep({d}, {norms}, [&](const auto& a) {
          return std::count(a[0].begin(), a[0].end(), 0) >= removed;
        });
        CAPTURE(round, removed, static_cast<int>(measure));
        for (Index k = 0; k < shape.out; ++k)
          REQUIRE(alive[0][static_cast<std::size_t>(order[static_cast<std::size_t>(k)])] ==
                  (k < removed ? 0 : 1));
      }
    }
  }
}

TEST_CASE("ranking all layers as one is the sweep over the whole network",
          "[criteria][filter_similarity]") {
  support::random_source random(63);
  prunus::graph g;
  g.input("image", {3, 6, 6});
  g.convolution("conv1", "image", {.out_channels = 8, .kernel = 3, .padding = 1});
  g.relu("relu1", "conv1");
  g.convolution("conv2", "relu1", {.out_channels = 6, .kernel = 3, .padding = 1});
  g.linear("fc", g.flatten("flat", "conv2"), {.out_features = 4});
  const prunus::network_structure counter(g);
  const std::vector<std::uint8_t> others(16, 1);
  for (int round = 0; round < 12; ++round) {
    support::criterion_subject<float> conv1("OIHW", {8, 3, 3, 3}, random.bits()),
        conv2("OIHW", {6, 8, 3, 3}, random.bits()), fc("OI", {4, 216, 1, 1}, random.bits());
    std::vector<float> bias1(8, 1), bias2(6, 1), bias3(4, 1);
    prunus::model<float> net;
    net.add("conv1.weight", conv1.weight.view());
    net.add("conv1.bias", prunus::view(bias1));
    net.add("conv2.weight", conv2.weight.view());
    net.add("conv2.bias", prunus::view(bias2));
    net.add("fc.weight", fc.weight.view());
    net.add("fc.bias", prunus::view(bias3));
    prunus::couple(net, g);

    std::vector<table> distances;
    std::vector<std::vector<double>> norms;
    for (auto* subject : {&conv1, &conv2}) {
      const table rows = rows_of(*subject);
      distances.push_back(naive_distances(rows, similarity::cosine));
      norms.emplace_back();
      for (const auto& row : rows) norms.back().push_back(norm_of(row));
    }
    const double about = random.real(0, 0.9);
    const auto macs = [](const auto& alive) {
      const auto kept = [](const auto& a) { return std::count(a.begin(), a.end(), 1); };
      return 36 * 9 * (3 * kept(alive[0]) + kept(alive[0]) * kept(alive[1])) +
             36 * kept(alive[1]) * 4;
    };
    const double dense = static_cast<double>(counter.cost().macs), budget = (1 - about) * dense;
    const auto alive = naive_sweep(
        distances, norms, [&](const auto& a) { return static_cast<double>(macs(a)) <= budget; });
    const prunus::pass pass{filter_similarity{}, prunus::filter,
                            prunus::macs_target{g, {.scaling = prunus::score_scaling::none}}};
    // A target that the sweep meets exactly, so that nothing is filled up behind it.
    const double target = 1 - static_cast<double>(macs(alive)) / dense;
    const auto pruned = prunus::prune(net, pass, target);
    const auto zeroed = [](support::criterion_subject<float>& subject) {
      std::vector<std::uint8_t> live;
      for (const auto& row : rows_of(subject)) live.push_back(norm_of(row) > 0 ? 1 : 0);
      return live;
    };
    CAPTURE(round, target);
    REQUIRE(zeroed(conv1) == alive[0]);
    // A filter of conv2 reads what conv1 lost; it is zero only if it went itself.
    REQUIRE(zeroed(conv2) == alive[1]);
  }
}

TEMPLATE_TEST_CASE("a duplicated filter goes first, by every measure",
                   "[criteria][filter_similarity]", float, double) {
  support::random_source random(64);
  for (int round = 0; round < 10; ++round) {
    support::criterion_subject<TestType> subject("OIHW", {9, 30, 3, 3}, random.bits());
    for (TestType& x : subject.weight.values)
      x = static_cast<TestType>(random.gaussian() * 0.01 + 5);  // all filters are alike
    const Index copy = random.between(1, 8);
    support::for_each_position({1, 30, 3, 3}, [&](Index, Index i, Index h, Index w) {
      subject.weight.view()(copy, i, h, w) = subject.weight.view()(0, i, h, w);
    });
    for (similarity measure : measures) {
      const auto scores =
          scores_of(filter_similarity{measure}, subject.parameter(), prunus::filter);
      REQUIRE(order_of(scores).front() == copy);  // equal norms: the larger index
      REQUIRE(scores[static_cast<std::size_t>(copy)] == 0);
      const auto sums = scores_of(filter_similarity{measure, similarity_form::distance_sum},
                                  subject.parameter(), prunus::filter);
      REQUIRE(sums[static_cast<std::size_t>(copy)] == sums[0]);
    }
  }
}

TEST_CASE("distances of nearly equal filters keep their digits", "[criteria][filter_similarity]") {
  std::vector<float> values;
  for (int k = 0; k < 100; ++k) values.push_back(1 + static_cast<float>(k) / 64);
  for (int k = 0; k < 100; ++k)
    values.push_back(values[static_cast<std::size_t>(k)] + (k == 7 ? 1.0F / 1024 : 0.0F));
  const prunus::parameter<float> p{"w", prunus::view(values, {2, 100})};
  // |a|^2 is about 350: the product alone would tell distances below 0.01 from zero by chance.
  CHECK(scores_of(geometric_median{}, p, prunus::filter) ==
        std::vector<float>{1.0F / 1024, 1.0F / 1024});
}

TEST_CASE("cosine and correlation do not see the scale of a filter",
          "[criteria][filter_similarity]") {
  support::criterion_subject<double> subject("OIHW", {7, 4, 3, 3}, 5),
      scaled("OIHW", {7, 4, 3, 3}, 5);
  support::for_each_position(subject.shape, [&](Index o, Index i, Index h, Index w) {
    scaled.weight.view()(o, i, h, w) *= static_cast<double>(1 + o);
  });
  for (similarity measure : {similarity::cosine, similarity::correlation}) {
    const filter_similarity criterion{measure, similarity_form::distance_sum};
    const auto before = scores_of(criterion, subject.parameter(), prunus::filter);
    const auto after = scores_of(criterion, scaled.parameter(), prunus::filter);
    for (std::size_t u = 0; u < before.size(); ++u) CHECK(nearly(before[u], after[u]));
  }
  // Norms only part the last two, whose totals are equal.
  auto before = order_of(scores_of(filter_similarity{}, subject.parameter(), prunus::filter));
  auto after = order_of(scores_of(filter_similarity{}, scaled.parameter(), prunus::filter));
  before.resize(5);
  after.resize(5);
  CHECK(before == after);
}

TEST_CASE("correlation does not see an offset of a filter", "[criteria][filter_similarity]") {
  support::criterion_subject<double> subject("HWIO", {7, 4, 3, 3}, 6),
      moved("HWIO", {7, 4, 3, 3}, 6);
  support::for_each_position(subject.shape, [&](Index o, Index i, Index h, Index w) {
    moved.weight.view()(o, i, h, w) += static_cast<double>(o);
  });
  const filter_similarity criterion{similarity::correlation, similarity_form::distance_sum};
  const auto before = scores_of(criterion, subject.parameter(), prunus::filter);
  const auto after = scores_of(criterion, moved.parameter(), prunus::filter);
  for (std::size_t u = 0; u < before.size(); ++u) CHECK(nearly(before[u], after[u]));
}

TEST_CASE("filters of zeros go first and are nobody's neighbours",
          "[criteria][filter_similarity]") {
  support::random_source random(65);
  support::criterion_subject<float> all("OIHW", {6, 3, 3, 3}, 7), left("OIHW", {4, 3, 3, 3}, 8);
  support::for_each_position(all.shape, [&](Index o, Index i, Index h, Index w) {
    if (o == 1 || o == 4)
      all.weight.view()(o, i, h, w) = 0;
    else
      left.weight.view()(o > 4 ? 3 : o > 1 ? o - 1 : o, i, h, w) = all.weight.view()(o, i, h, w);
  });
  for (similarity measure : measures)
    for (similarity_form form : {similarity_form::pair_sweep, similarity_form::distance_sum}) {
      const filter_similarity criterion{measure, form};
      const auto scores = scores_of(criterion, all.parameter(), prunus::filter);
      const auto smaller = scores_of(criterion, left.parameter(), prunus::filter);
      CHECK(scores[1] == 0);
      CHECK(scores[4] == 0);
      for (const auto& [u, v] :
           std::vector<std::pair<std::size_t, std::size_t>>{{0, 0}, {2, 1}, {3, 2}, {5, 3}})
        CHECK(nearly(scores[u], smaller[v]));
    }
}

TEST_CASE("one live filter scores above filters of zeros", "[criteria][filter_similarity]") {
  std::vector<float> values{0, 0, 3, 4, 0, 0};
  const prunus::parameter<float> p{"w", prunus::view(values, {3, 2})};
  for (similarity_form form : {similarity_form::pair_sweep, similarity_form::distance_sum}) {
    const auto scores = scores_of(filter_similarity{.form = form}, p, prunus::filter);
    CHECK(scores[1] > scores[0]);
    CHECK(scores[0] == scores[2]);
  }
}

TEST_CASE("a filter of equal weights correlates with none", "[criteria][filter_similarity]") {
  std::vector<float> values{0.1F, 0.1F, 0.1F, 1, 2, 3, 3, 2, 1};
  const prunus::parameter<float> p{"w", prunus::view(values, {3, 3})};
  const auto sums = scores_of(
      filter_similarity{similarity::correlation, similarity_form::distance_sum}, p, prunus::filter);
  CHECK(nearly(sums[0], 2.0F));  // 1 + 1
  CHECK(nearly(sums[1], 3.0F));  // 1 + 2
}

TEMPLATE_TEST_CASE("what is not finite spoils its own score alone", "[criteria][filter_similarity]",
                   float, double) {
  for (TestType bad :
       {std::numeric_limits<TestType>::quiet_NaN(), std::numeric_limits<TestType>::infinity()})
    for (similarity measure : measures)
      for (similarity_form form : {similarity_form::pair_sweep, similarity_form::distance_sum}) {
        support::criterion_subject<TestType> subject("OIHW", {6, 3, 3, 3}, 9);
        subject.weight.view()(2, 1, 0, 0) = bad;
        const auto scores =
            scores_of(filter_similarity{measure, form}, subject.parameter(), prunus::filter);
        for (std::size_t u = 0; u < 6; ++u) REQUIRE(std::isfinite(scores[u]) == (u != 2));
      }
}

TEST_CASE("standardized distances keep the order of a layer", "[criteria][filter_similarity]") {
  support::criterion_subject<double> subject("OIHW", {8, 3, 3, 3}, 10);
  for (similarity measure : measures) {
    const auto plain = scores_of(filter_similarity{measure}, subject.parameter(), prunus::filter);
    const auto standardized = scores_of(filter_similarity{.measure = measure, .standardize = true},
                                        subject.parameter(), prunus::filter);
    CHECK(order_of(plain) == order_of(standardized));
    const table d = naive_distances(rows_of(subject), measure);
    double mean = 0, squares = 0;
    for (std::size_t i = 0; i < 8; ++i)
      for (std::size_t j = i + 1; j < 8; ++j) mean += d[i][j] / 28;
    for (std::size_t i = 0; i < 8; ++i)
      for (std::size_t j = i + 1; j < 8; ++j) squares += (d[i][j] - mean) * (d[i][j] - mean) / 28;
    const auto first = static_cast<std::size_t>(order_of(plain).front());
    CHECK(nearly(standardized[first], (plain[first] - mean) / std::sqrt(squares), 1.0));
  }
}

TEST_CASE("coupled filters are compared by the mean over the weights that produce them",
          "[criteria][filter_similarity]") {
  support::criterion_subject<double> a("OIHW", {6, 3, 3, 3}, 11), b("HWIO", {6, 4, 1, 1}, 12),
      reader("OIHW", {5, 6, 3, 3}, 13);
  const auto pa = a.parameter("a"), pb = b.parameter("b"), pr = reader.parameter("reader");
  const std::vector<Index> units{0, 1, 2, 3, 4, 5};
  const prunus::coupled_weights<double> together{"sum",
                                                 6,
                                                 {{&pa, prunus::axis::out, units, true, false},
                                                  {&pb, prunus::axis::out, units, true, false},
                                                  {&pr, prunus::axis::in, units, true, false}}};
  for (similarity measure : measures) {
    std::vector<double> scores(6);
    filter_similarity{measure, similarity_form::distance_sum}.score(together,
                                                                    std::span<double>(scores));
    const table da = naive_distances(rows_of(a), measure),
                db = naive_distances(rows_of(b), measure);
    table mean = da;
    for (std::size_t i = 0; i < 6; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < 6; ++j) {
        mean[i][j] = (da[i][j] + db[i][j]) / 2;
        sum += mean[i][j];
      }
      CHECK(std::abs(scores[i] - sum) <= 1e-9 * sum);
    }
    std::vector<double> norms;
    for (std::size_t u = 0; u < 6; ++u) {
      const double na = norm_of(rows_of(a)[u]), nb = norm_of(rows_of(b)[u]);
      norms.push_back(std::sqrt(na * na + nb * nb));
    }
    filter_similarity{measure}.score(together, std::span<double>(scores));
    const auto alive = naive_sweep({mean}, {norms}, [&](const auto& live) {
      return std::count(live[0].begin(), live[0].end(), 0) >= 3;
    });
    const auto order = order_of(scores);
    for (std::size_t k = 0; k < 6; ++k)
      CHECK(alive[0][static_cast<std::size_t>(order[k])] == (k < 3 ? 0 : 1));
  }
}

TEST_CASE("units that no weight produces are compared where they are read",
          "[criteria][filter_similarity]") {
  std::vector<double> values{0, 3, 4, 0};  // two readers of two units: distances 3 and 4
  const prunus::parameter<double> a{"a", prunus::view(values.data(), {1, 2})},
      b{"b", prunus::view(values.data() + 2, {1, 2})};
  const std::vector<Index> units{0, 1};
  const prunus::coupled_weights<double> read_only{
      "inputs",
      2,
      {{&a, prunus::axis::in, units, true, false}, {&b, prunus::axis::in, units, true, false}}};
  std::vector<double> scores(2);
  geometric_median{}.score(read_only, std::span<double>(scores));
  CHECK(scores == std::vector<double>{3.5, 3.5});
}

TEST_CASE("a coupling without weights is refused", "[criteria][filter_similarity]") {
  std::vector<double> scores(3);
  const prunus::coupled_weights<double> nothing{"empty", 3, {}};
  CHECK(support::code_of<prunus::argument_error>([&] {
          geometric_median{}.score(nothing, std::span<double>(scores));
        }) == errc::unsupported);
}

TEST_CASE("a unit of several positions is compared by all of them",
          "[criteria][filter_similarity]") {
  std::vector<double> values{3, 0, 0, 4, 3, 4, 0, 0, 1, 1, 1, 1};  // 6 x 2
  const prunus::parameter<double> p{"w", prunus::view(values, {6, 2})};
  const std::vector<Index> unit_of{0, 1, 2, 0, 1, 2};  // rows 0 and 3, 1 and 4, 2 and 5
  const prunus::coupled_weights<double> interleaved{
      "units", 3, {{&p, prunus::axis::out, unit_of, true, false}}};
  std::vector<double> scores(3);
  geometric_median{}.score(interleaved, std::span<double>(scores));
  // (3 0 0 0), (0 4 1 1), (3 4 1 1)
  CHECK(nearly(scores[0], std::sqrt(27.0) + std::sqrt(18.0)));
  CHECK(nearly(scores[1], std::sqrt(27.0) + 3));
  CHECK(nearly(scores[2], std::sqrt(18.0) + 3));
}

TEST_CASE("blocks of many filters fit together", "[criteria][filter_similarity]") {
  for (std::string_view order : {"OIHW", "HWIO"}) {
    support::criterion_subject<float> subject(order, {530, 2, 1, 1}, 14);
    const table d = naive_distances(rows_of(subject), similarity::euclidean);
    const auto sums = scores_of(geometric_median{}, subject.parameter(), prunus::filter);
    for (std::size_t u = 0; u < d.size(); ++u) {
      double expected = 0;
      for (double x : d[u]) expected += x;
      REQUIRE(std::abs(static_cast<double>(sums[u]) - expected) <= 2e-6 * expected);
    }
  }
}

TEST_CASE("a threshold leaves no two similar filters", "[criteria][filter_similarity]") {
  std::vector<double> values{3, 4, 6, 8, 4, 3, -4, 3, 0, 0};
  const prunus::parameter<double> p{"w", prunus::view(values, {5, 2})};
  const prunus::tile_grid grid(p.weight, prunus::filter);
  using units = std::vector<Index>;
  // s01 = 1, s02 = s12 = 0.96; filter 4 is zero. At s >= 1 filters 0 and 1 have one neighbour each:
  // equal totals, the smaller norm goes. At s >= 0.95 all three have two: filter 2 is less similar
  // to 3, so 0 goes first, then of 1 and 2 the one more similar to what is left.
  CHECK(filter_similarity{}.redundant(p, grid, 1e-12) == units{4, 0});
  CHECK(filter_similarity{}.redundant(p, grid, 0.05) == units{4, 0, 1});
  CHECK(filter_similarity{}.redundant(p, grid, 3) == units{4, 0, 1, 3});
  support::random_source random(66);
  for (int round = 0; round < 20; ++round) {
    support::criterion_subject<double> subject("OIHW", {12, 2, 1, 2}, random.bits());
    for (similarity measure : measures) {
      const table d = naive_distances(rows_of(subject), measure);
      const double limit = random.real(0, measure == similarity::euclidean ? 5 : 1);
      const auto gone = filter_similarity{measure}.redundant(
          subject.parameter(), prunus::tile_grid(subject.weight.view(), prunus::filter), limit);
      std::vector<std::uint8_t> live(12, 1);
      const auto neighbours = [&](std::size_t u) {
        Index count = 0;
        for (std::size_t v = 0; v < 12; ++v) count += v != u && live[v] != 0 && d[u][v] <= limit;
        return count;
      };
      for (const Index u : gone) {
        for (std::size_t v = 0; v < 12; ++v)
          if (live[v] != 0) REQUIRE(neighbours(static_cast<std::size_t>(u)) >= neighbours(v));
        live[static_cast<std::size_t>(u)] = 0;
      }
      for (std::size_t v = 0; v < 12; ++v)
        if (live[v] != 0) REQUIRE(neighbours(v) == 0);
    }
  }
  CHECK(support::code_of<prunus::argument_error>(
            [&] { (void)filter_similarity{}.redundant(p, grid, -1); }) == errc::out_of_range);
  values[2] = std::numeric_limits<double>::quiet_NaN();
  CHECK(support::code_of<prunus::value_error>(
            [&] { (void)filter_similarity{}.redundant(p, grid, 0.1); }) == errc::not_finite);
}

TEST_CASE("tiles that are no filters are refused", "[criteria][filter_similarity]") {
  support::criterion_subject<float> subject("OIHW", {4, 3, 2, 2}, 15);
  for (const prunus::tile& tile : {prunus::element, prunus::kernel_2d, prunus::block(2, 1)}) {
    const support::thrown error = support::error_of<prunus::argument_error>(
        [&] { (void)scores_of(filter_similarity{}, subject.parameter("conv3.weight"), tile); });
    CHECK(error.code == errc::unsupported);
    CHECK(error.says("conv3.weight"));
  }
  CHECK(support::code_of<prunus::argument_error>([&] {
          (void)scores_of(
              filter_similarity{.form = similarity_form::distance_sum, .standardize = true},
              subject.parameter(), prunus::filter);
        }) == errc::unsupported);
}
