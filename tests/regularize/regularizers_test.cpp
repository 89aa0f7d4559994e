// SPDX-License-Identifier: MIT
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/pruning/select_only.hpp>
#include <prunus/regularize/group_lasso.hpp>
#include <prunus/regularize/growing_regularization.hpp>
#include <prunus/regularize/scale_sparsity.hpp>
#include <prunus/schedule/one_shot.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/owned_weight.hpp"
#include "support/random_source.hpp"

#include <cmath>   // std::sqrt, std::abs
#include <limits>  // std::numeric_limits
#include <string>  // std::string
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::axis;
using prunus::errc;
using prunus::group_lasso;
using prunus::growing_regularization;
using prunus::scale_sparsity;
using support::code_of;
using values = std::vector<double>;

/// Two filters (3, 4) and (0, 0) with a bias and a scale; one reader with weights (12, 5).
struct two_channels {
  values a{3, 4, 0, 0}, bias{1, 1}, scale{2, -3}, reader{12, 5}, last{7};
  values ga = values(4), gb = values(2), gs = values(2), gr = values(2), gl = values(1);
  prunus::model<double> net;

  two_channels() {
    net.add("a", prunus::view(a, {2, 2}), {.gradient = prunus::view(ga, {2, 2})});
    net.add("bias", prunus::view(bias), {.gradient = prunus::view(gb)});
    net.add("scale", prunus::view(scale), {.gradient = prunus::view(gs)});
    net.add("reader", prunus::view(reader, {1, 2}), {.gradient = prunus::view(gr, {1, 2})});
    net.add("last", prunus::view(last, {1, 1}), {.gradient = prunus::view(gl, {1, 1})});
    net.couple({{"a",
                 2,
                 {{"a", axis::out, {0, 1}, true},
                  {"bias", axis::out, {0, 1}, false},
                  {"scale", axis::out, {0, 1}, false, true},
                  {"reader", axis::in, {0, 1}, true}}},
                {"reader",
                 1,
                 {{"reader", axis::out, {0}, true}, {"last", axis::in, {0}, true}},
                 {prunus::keep_reason::output_of_network}}});
  }
  two_channels(const two_channels&) = delete;
  two_channels& operator=(const two_channels&) = delete;
};

/// A residual pair with readers in a given memory order, random numbers.
struct random_coupled {
  support::owned_weight<double> a, b, reader;
  support::owned_weight<double> ga, gb, gr;
  values scale = values(3), gs = values(3);
  prunus::model<double> net;

  random_coupled(std::string_view order, std::uint64_t seed)
      : a(order, {.out = 6, .in = 2, .height = 1, .width = 3}),
        b(order, {.out = 3, .in = 4, .height = 2, .width = 1}),
        reader(order, {.out = 2, .in = 3, .height = 2, .width = 2}),
        ga(a),
        gb(b),
        gr(reader) {
    support::random_source random(seed);
    for (values* v : {&a.values, &b.values, &reader.values, &scale})
      for (double& x : *v) x = random.real(-1, 1);
    net.add("a", a.view(), {.gradient = ga.view()});
    net.add("b", b.view(), {.gradient = gb.view()});
    net.add("reader", reader.view(), {.gradient = gr.view()});
    net.add("scale", prunus::view(scale), {.gradient = prunus::view(gs)});
    net.couple({{"a",
                 3,
                 {{"a", axis::out, {0, 1, 2, 2, 1, 0}, true},
                  {"b", axis::out, {2, 1, 0}, true},
                  {"scale", axis::out, {0, 1, 2}, false, true},
                  {"reader", axis::in, {1, 0, 2}, true}}}});
  }
  random_coupled(const random_coupled&) = delete;
  random_coupled& operator=(const random_coupled&) = delete;
};

/// Every gradient that was added is the slope of the penalty.
template <class Penalty>
void check_slopes(const prunus::model<double>& net, const Penalty& penalty) {
  constexpr double step = 1e-5;
  for (const prunus::parameter<double>& p : net.parameters())
    for (Index i = 0; i < p.weight.size(); ++i) {
      double& w = p.weight.data[i];
      const double here = w;
      w = here + step;
      const double above = penalty();
      w = here - step;
      const double below = penalty();
      w = here;
      CAPTURE(p.name, i);
      REQUIRE(std::abs(p.options.gradient.data[i] - (above - below) / (2 * step)) < 1e-8);
    }
}

}  // namespace

TEST_CASE("group lasso by hand", "[observe][group_lasso]") {
  two_channels t;
  const group_lasso filters{.strength = 0.5};
  CHECK(filters.penalty(t.net) == Approx(2.5));
  t.ga = {1, 1, 1, 1};
  filters.add_gradient(t.net);
  CHECK(t.ga == values{1 + 0.5 * 3 / 5, 1 + 0.5 * 4 / 5, 1, 1});  // a group of zeros stays
  CHECK(t.gr == values{0, 0});
  CHECK(t.gb == values{0, 0});
  CHECK(t.gs == values{0, 0});
  CHECK(t.gl == values{0});  // its coupling must not be pruned

  const group_lasso both{.strength = 1, .readers = true};
  CHECK(both.penalty(t.net) == Approx(13 + 5));  // (3, 4, 12) and (0, 0, 5)
  t.ga = {0, 0, 0, 0};
  both.add_gradient(t.net);
  CHECK(t.ga[1] == Approx(4.0 / 13));
  CHECK(t.ga[2] == 0);
  CHECK(t.gr[0] == Approx(12.0 / 13));
  CHECK(t.gr[1] == Approx(1));
}

TEST_CASE("gradients of the penalties are their slopes in any layout", "[observe][group_lasso]") {
  for (std::string_view order : support::memory_orders) {
    for (bool readers : {false, true}) {
      random_coupled r(order, 1);
      const group_lasso lasso{.strength = 0.3, .readers = readers};
      lasso.add_gradient(r.net);
      check_slopes(r.net, [&] { return lasso.penalty(r.net); });
    }
    random_coupled r(order, 2);
    const scale_sparsity slimming{.strength = 0.3};
    slimming.add_gradient(r.net);
    check_slopes(r.net, [&] { return slimming.penalty(r.net); });
  }
}

TEST_CASE("scale sparsity by hand", "[observe][scale_sparsity]") {
  two_channels t;
  const scale_sparsity slimming{.strength = 0.25};
  CHECK(slimming.penalty(t.net) == 1.25);
  t.gs = {1, 1};
  slimming.add_gradient(t.net);
  CHECK(t.gs == values{1.25, 0.75});
  CHECK(t.gb == values{0, 0});
  CHECK(t.ga == values(4));
  t.scale = {0, 1};
  t.gs = {0, 0};
  slimming.add_gradient(t.net);
  CHECK(t.gs == values{0, 0.25});
}

TEST_CASE("the growing strength by hand", "[observe][growing_regularization]") {
  const growing_regularization growing{.increment = 0.25, .every = 10, .ceiling = 0.7};
  CHECK(growing.strength(0) == 0.25);
  CHECK(growing.strength(9) == 0.25);
  CHECK(growing.strength(10) == 0.5);
  CHECK(growing.strength(20) == 0.7);
  CHECK(growing.strength(1000) == 0.7);
  CHECK(growing.duration() == 20);
  CHECK(growing_regularization{.increment = 0.25, .every = 10, .ceiling = 1}.duration() == 30);
  CHECK(growing_regularization{}.duration() == 99990);
}

TEST_CASE("growing regularisation presses on what is marked alone",
          "[observe][growing_regularization]") {
  two_channels t;
  const growing_regularization growing{.increment = 0.25, .every = 10};
  prunus::scheduler s{t.net};
  s.add(prunus::one_shot{.sparsity = 0.5},
        prunus::pass{prunus::l1_norm{}, prunus::filter, prunus::uniform{}, prunus::select_only{}});
  t.a = {3, 4, 1, -2};
  s.step({.step = 0});
  CHECK(t.a == values{3, 4, 1, -2});
  t.ga = {1, 1, 1, 1};
  growing.add_gradient(t.net, *s.states()[0], 10);
  CHECK(t.ga == values{1, 1, 1.5, 0});
  CHECK(t.gb == values{0, 0});  // biases and scales follow in the end
  CHECK(t.gs == values{0, 0});
  (void)s.finish();
  CHECK(t.a == values{3, 4, 0, 0});
  CHECK(t.scale == values{2, 0});
}

TEST_CASE("the growing penalty's gradient is its slope for any tile",
          "[observe][growing_regularization]") {
  for (const prunus::tile& tile : support::tiles_to_try()) {
    random_coupled r("OIHW", 3);
    const prunus::parameter<double>& p = r.net["a"];
    support::random_source random(4);
    prunus::mask m(prunus::tile_grid(p.weight, tile));
    for (Index t = 0; t < m.size(); ++t) m.set(t, random.chance(0.5));
    const growing_regularization growing{.increment = 0.2, .every = 1};
    growing.add_gradient(p, m, 2);
    prunus::mask single(prunus::tile_grid(p.weight, prunus::element));
    single.remove_where_removed(m);
    check_slopes(r.net, [&] {
      double sum = 0;
      for (Index i = 0; i < single.size(); ++i)
        if (!single[i]) sum += p.weight.data[i] * p.weight.data[i];
      return 0.6 / 2 * sum;
    });
  }
}

TEST_CASE("regularisers refuse what they cannot press on and add nothing", "[observe]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  two_channels t;
  for (double wrong : {-1.0, nan, std::numeric_limits<double>::infinity()}) {
    CHECK(code_of<prunus::argument_error>([&] { group_lasso{wrong}.add_gradient(t.net); }) ==
          errc::out_of_range);
    CHECK(code_of<prunus::argument_error>([&] { (void)scale_sparsity{wrong}.penalty(t.net); }) ==
          errc::out_of_range);
  }
  values w{1, 2, 3, 4}, v{1, 2};
  prunus::model<double> bare;
  bare.add("w", prunus::view(w, {2, 2}));
  bare.add("v", prunus::view(v));
  CHECK(code_of<prunus::argument_error>([&] { group_lasso{}.add_gradient(bare); }) ==
        errc::empty_model);
  CHECK(code_of<prunus::argument_error>([&] { scale_sparsity{}.add_gradient(bare); }) ==
        errc::empty_model);
  bare.couple({{"w", 2, {{"w", axis::out, {0, 1}, true}, {"v", axis::out, {0, 1}, false, true}}}});
  CHECK(group_lasso{1.0}.penalty(bare) == Approx(std::sqrt(5.0) + 5));
  CHECK(code_of<prunus::argument_error>([&] { group_lasso{}.add_gradient(bare); }) ==
        errc::null_storage);
  CHECK(code_of<prunus::argument_error>([&] { scale_sparsity{}.add_gradient(bare); }) ==
        errc::null_storage);

  const growing_regularization growing;
  const prunus::mask m(prunus::tile_grid(bare["w"].weight, prunus::element));
  const prunus::mask other(prunus::tile_grid(t.net["reader"].weight, prunus::element));
  CHECK(code_of<prunus::argument_error>([&] { growing.add_gradient(bare["w"], m, 0); }) ==
        errc::null_storage);
  CHECK(code_of<prunus::shape_error>([&] { growing.add_gradient(t.net["a"], other, 0); }) ==
        errc::shape_mismatch);
  CHECK(code_of<prunus::argument_error>([&] { growing.add_gradient(t.net["a"], m, -1); }) ==
        errc::out_of_range);
  for (const growing_regularization& wrong :
       {growing_regularization{.increment = 0}, growing_regularization{.increment = 2},
        growing_regularization{.increment = nan}, growing_regularization{.every = 0},
        growing_regularization{.ceiling = nan}})
    CHECK(code_of<prunus::argument_error>([&] { wrong.check(); }) == errc::out_of_range);
  CHECK(t.ga == values(4));
}
