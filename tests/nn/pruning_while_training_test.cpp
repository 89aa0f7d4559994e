// SPDX-License-Identifier: MIT
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/random.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/sgd.hpp>
#include <prunus/nn/training/training.hpp>
#include <prunus/pruning/drop_and_grow.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/pruning/select_only.hpp>
#include <prunus/pruning/soft.hpp>
#include <prunus/pruning/weight_snapshot.hpp>
#include <prunus/regularize/group_lasso.hpp>
#include <prunus/regularize/growing_regularization.hpp>
#include <prunus/regularize/scale_sparsity.hpp>
#include <prunus/schedule/constant_sparsity.hpp>
#include <prunus/schedule/one_shot.hpp>
#include <prunus/structure/graph.hpp>

#include "support/catch.hpp"

#include <algorithm>  // std::count
#include <array>      // std::array
#include <cmath>      // std::abs, std::pow, std::sqrt
#include <cstddef>    // std::size_t
#include <span>       // std::span
#include <vector>     // std::vector

namespace {

using prunus::Index;
using prunus::pass;
namespace nn = prunus::nn;

/// Images of 6 x 6 noise with a bright half; the half is the label.
struct halves {
  std::vector<float> images;
  std::vector<int> labels;

  halves() {
    const nn::counter_random random(2, 0);
    for (Index n = 0; n < 32; ++n) {
      labels.push_back(static_cast<int>(n % 2));
      for (Index i = 0; i < 36; ++i)
        images.push_back(static_cast<float>(random.normal(static_cast<std::uint64_t>(n * 36 + i)) +
                                            (i / 18 == n % 2 ? 1.0 : 0.0)));
    }
  }
};

prunus::graph normalised() {
  prunus::graph g;
  g.input("image", {1, 6, 6});
  g.convolution("conv", "image", {.out_channels = 6, .kernel = 3, .padding = 1, .bias = false});
  g.flatten("flat", g.relu("relu", g.batch_norm("bn", "conv")));
  g.linear("fc", "flat", {.out_features = 2});
  return g;
}

struct training {
  halves data;
  nn::network<float> net{normalised()};
  nn::optimizer<float, nn::sgd> optimize{net, nn::sgd{.learning_rate = 0.05}};

  template <class Hook>
  double step(const Hook& before_update) {
    return nn::train_step(net, optimize, std::span<const float>(data.images),
                          std::span<const int>(data.labels), 0.05, before_update)
        .loss;
  }
  double step() {
    return step([] {});
  }
  [[nodiscard]] const prunus::weight_view<float>& weight(const char* name) const {
    return net.model()[name].weight;
  }
  [[nodiscard]] double magnitude(const char* name, Index from, Index count) const {
    double sum = 0;
    for (Index i = from; i < from + count; ++i)
      sum += static_cast<double>(std::abs(weight(name).data[i]));
    return sum;
  }
};

}  // namespace

TEST_CASE("a filter zeroed softly grows back because its normalisation was spared",
          "[nn][pruning][soft]") {
  for (const bool dependents : {false, true}) {
    training t;
    for (Index c = 0; c < 6; ++c)
      t.weight("bn.bias").data[c] = 0.2F;  // behind it the rectifier is open
    t.step();
    prunus::scheduler s{t.net.model()};
    s.add(prunus::constant_sparsity{.sparsity = 0.5, .end = 4},
          pass{prunus::l2_norm{}, prunus::filter, prunus::uniform{},
               prunus::soft{.dependents = dependents}});
    s.step({.step = 0});
    const prunus::mask& selected = (*s.states().at(0))["conv.weight"];
    Index filters = 0, grown = 0;
    const std::vector<bool> kept = [&] {
      std::vector<bool> result;
      for (Index f = 0; f < 6; ++f) result.push_back(selected[f]);
      return result;
    }();
    t.optimize = nn::optimizer<float, nn::sgd>(t.net, nn::sgd{.learning_rate = 0.05});
    t.step();
    for (Index f = 0; f < 6; ++f) {
      if (kept[static_cast<std::size_t>(f)]) continue;
      ++filters;
      grown += t.magnitude("conv.weight", 9 * f, 9) > 0 ? 1 : 0;
    }
    CHECK(filters == 3);
    CHECK(grown == (dependents ? 0 : 3));
  }
}

TEST_CASE("a network trains sparsely from the start", "[nn][pruning][drop_and_grow]") {
  training t;
  prunus::scheduler s{t.net.model()};
  s.add(prunus::constant_sparsity{.sparsity = 0.75, .end = 30, .every = 3},
        pass{prunus::l1_norm{}, prunus::element, prunus::uniform{},
             prunus::drop_and_grow{.duration = 11}}
            .within({.include = {"*.weight"}}));
  s.step({.step = 0});
  const double first = t.step();
  double last = first;
  std::vector<std::vector<bool>> patterns;
  const auto entered = [](const std::vector<bool>& now, const std::vector<bool>& before) {
    Index count = 0;
    for (std::size_t i = 0; i < now.size(); ++i) count += now[i] && !before[i] ? 1 : 0;
    return count;
  };
  // Of the 108 weights that live, event e exchanges at most 108 * .15 (1 + cos(pi (e - 1) / 11)),
  // rounded down; event e is that of step 3 (e - 1).
  constexpr std::array<Index, 10> most{31, 29, 26, 22, 18, 13, 9, 5, 2, 0};
  for (Index step = 1; step < 40; ++step) {
    last = t.step();
    s.step({.step = step});
    const auto mask = s.mask_of("fc.weight");
    REQUIRE(mask);
    REQUIRE(mask->removed() == 324);
    const float* w = t.weight("fc.weight").data;
    REQUIRE(std::count(w, w + 432, 0.0F) >= 324);
    std::vector<bool> pattern;
    for (Index i = 0; i < mask->size(); ++i) pattern.push_back((*mask)[i]);
    if (patterns.empty()) patterns.push_back(pattern);
    if (patterns.back() == pattern) continue;
    REQUIRE(step % 3 == 0);
    REQUIRE(step <= 30);
    REQUIRE(entered(pattern, patterns.back()) <= most[static_cast<std::size_t>(step / 3 - 1)]);
    patterns.push_back(pattern);
  }
  CHECK(patterns.size() > 4);
  CHECK(last < 0.5 * first);  // that it learns; how fast cannot be derived
}

TEST_CASE("penalties press while a network trains", "[nn][observe]") {
  training plain, lasso, slim, growing;
  prunus::scheduler marking{growing.net.model()};
  marking.add(
      prunus::one_shot{.sparsity = 0.5},
      pass{prunus::l1_norm{}, prunus::element, prunus::uniform{}, prunus::select_only{}}.within(
          {.include = {"fc.weight"}}));
  marking.step({.step = 0});
  const prunus::pass_state& marked = *marking.states().at(0);
  const prunus::growing_regularization press{.increment = 0.1, .every = 2};
  const std::vector<float> conv(plain.weight("conv.weight").data,
                                plain.weight("conv.weight").data + 54),
      fc(plain.weight("fc.weight").data, plain.weight("fc.weight").data + 432);
  for (Index step = 0; step < 20; ++step) {
    plain.step();
    lasso.step([&] { prunus::group_lasso{0.05}.add_gradient(lasso.net.model()); });
    slim.step([&] { prunus::scale_sparsity{0.02}.add_gradient(slim.net.model()); });
    growing.step([&] { press.add_gradient(growing.net.model(), marked, step); });
    if (step > 0) continue;
    // All start from the same weights, so the first step differs by the penalty's own gradient, at
    // a learning rate of 0.05: 0.05 w / ||filter||, 0.02 sign(scale), and 0.1 w of what is marked.
    const prunus::mask& stays = marked["fc.weight"];
    for (Index f = 0; f < 6; ++f) {
      double square = 0;
      for (Index i = 9 * f; i < 9 * f + 9; ++i)
        square += std::pow(double{conv[static_cast<std::size_t>(i)]}, 2);
      for (Index i = 9 * f; i < 9 * f + 9; ++i)
        CHECK(std::abs(double{plain.weight("conv.weight").data[i]} -
                       double{lasso.weight("conv.weight").data[i]} -
                       0.05 * 0.05 * double{conv[static_cast<std::size_t>(i)]} /
                           std::sqrt(square)) < 1e-7);
      CHECK(std::abs(double{plain.weight("bn.weight").data[f]} -
                     double{slim.weight("bn.weight").data[f]} - 0.05 * 0.02) < 2e-7);
    }
    for (Index i = 0; i < 432; ++i)
      CHECK(std::abs(double{plain.weight("fc.weight").data[i]} -
                     double{growing.weight("fc.weight").data[i]} -
                     (stays[i] ? 0.0 : 0.05 * 0.1 * double{fc[static_cast<std::size_t>(i)]})) <
            1e-7);
  }
  // Later steps answer to each other: only the direction is certain.
  CHECK(lasso.magnitude("conv.weight", 0, 54) < 0.8 * plain.magnitude("conv.weight", 0, 54));
  CHECK(slim.magnitude("bn.weight", 0, 6) < plain.magnitude("bn.weight", 0, 6) - 0.05);
  const prunus::mask& kept = marked["fc.weight"];
  double of_plain = 0, of_growing = 0;
  for (Index i = 0; i < 432; ++i) {
    if (kept[i]) continue;
    of_plain += plain.magnitude("fc.weight", i, 1);
    of_growing += growing.magnitude("fc.weight", i, 1);
  }
  CHECK(of_growing < 0.2 * of_plain);
  (void)marking.finish();
  CHECK(marking.sparsity() == 0.5);
}

TEST_CASE("a lottery ticket trains from the weights of its first step",
          "[nn][pruning][weight_snapshot]") {
  training t;
  t.step();
  const prunus::weight_snapshot<float> early(t.net.model());
  const std::vector<float> first(t.weight("fc.weight").data, t.weight("fc.weight").data + 432);
  for (int step = 0; step < 10; ++step) t.step();
  prunus::scheduler s{t.net.model()};
  s.add(prunus::one_shot{.sparsity = 0.5}, pass{prunus::l1_norm{}, prunus::element});
  s.step({.step = 0});
  early.rewind(t.net.model(), s.states());
  const auto mask = s.mask_of("fc.weight");
  REQUIRE(mask);
  for (Index i = 0; i < 432; ++i)
    REQUIRE(t.weight("fc.weight").data[i] ==
            ((*mask)[i] ? first[static_cast<std::size_t>(i)] : 0.0F));
  const double before = t.step();
  double after = before;
  for (Index step = 1; step < 15; ++step) {
    s.step({.step = step});
    after = t.step();
  }
  CHECK(after < before);
}
