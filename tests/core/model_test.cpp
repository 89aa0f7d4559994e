// SPDX-License-Identifier: MIT
#include <prunus/core/model.hpp>
#include <prunus/core/named_tensor.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"

#include <string>  // std::string
#include <vector>  // std::vector

namespace {

using prunus::argument_error;
using prunus::axis;
using prunus::coupling;
using prunus::errc;
using prunus::shape_error;
using prunus::view;
using support::code_of;

struct two_layers {
  std::vector<float> conv = std::vector<float>(4 * 3 * 2 * 2, 1.0F);
  std::vector<float> bias = std::vector<float>(4, 1.0F);
  prunus::model<float> net;
  two_layers() {
    net.add("conv.weight", view(conv, {4, 3, 2, 2}));
    net.add("conv.bias", view(bias));
  }
};

}  // namespace

TEST_CASE("a model holds views by name and in the order of registration", "[core][model]") {
  two_layers m;
  CHECK(m.net.size() == 2);
  CHECK_FALSE(m.net.empty());
  CHECK(prunus::model<double>().empty());
  CHECK(m.net.parameters()[0].name == "conv.weight");
  CHECK(m.net["conv.bias"].weight.data == m.bias.data());
  CHECK(m.net.find("conv.bias") == &m.net.parameters()[1]);
  CHECK(m.net.find("conv") == nullptr);
  const support::thrown error =
      support::error_of<argument_error>([&] { (void)m.net["conv3.weight"]; });
  CHECK(error.code == errc::unknown_name);
  CHECK(error.says("conv3.weight"));
}

TEST_CASE("a parameter keeps its options", "[core][model]") {
  std::vector<double> weight(6), gradient(6), momentum(6);
  prunus::model<double> net;
  net.add("w", view(weight, {2, 3}),
          {.gradient = view(gradient, {2, 3}),
           .state = {view(momentum, {2, 3})},
           .prunable = false,
           .limits = prunus::limits{.min_kept = 2}});
  CHECK(net["w"].options.gradient.data == gradient.data());
  CHECK(net["w"].options.state.at(0).data == momentum.data());
  CHECK(net["w"].options.prunable == false);
  CHECK(net["w"].options.limits->min_kept == 2);
}

TEST_CASE("names must be there and be used once", "[core][model]") {
  two_layers m;
  std::vector<float> other(2);
  CHECK(code_of<argument_error>([&] { m.net.add("conv.bias", view(other)); }) ==
        errc::duplicate_name);
  CHECK(code_of<argument_error>([&] { m.net.add("", view(other)); }) == errc::unknown_name);
  CHECK(m.net.size() == 2);
}

TEST_CASE("registrations must not share memory", "[core][model]") {
  two_layers m;
  const auto add = [&](float* data, Eigen::Index size) {
    return code_of<argument_error>([&] { m.net.add("other", view(data, {size})); });
  };
  CHECK(add(m.conv.data(), 48) == errc::overlapping_storage);
  CHECK(add(m.conv.data() + 47, 1) == errc::overlapping_storage);
  CHECK(add(m.conv.data() + 10, 2) == errc::overlapping_storage);
  CHECK(m.net.size() == 2);

  std::vector<float> storage(10);  // neighbours do not overlap
  m.net.add("first", view(storage.data(), {5}));
  m.net.add("second", view(storage.data() + 5, {5}));
  CHECK(m.net.size() == 4);
}

TEST_CASE("null views are refused", "[core][model]") {
  two_layers m;
  std::vector<float> weight(4);
  CHECK(code_of<argument_error>([&] { m.net.add("w", {}); }) == errc::null_storage);
  CHECK(code_of<argument_error>([&] {
          m.net.add("w", view(weight, {2, 2}), {.state = {prunus::weight_view<float>{}}});
        }) == errc::null_storage);
  CHECK(m.net.size() == 2);
}

TEST_CASE("gradients and optimizer state must have the weight's shape and layout",
          "[core][model]") {
  two_layers m;
  std::vector<float> weight(6), wrong(8), right(6);
  const auto add = [&](prunus::parameter_options<float> options) {
    return code_of<shape_error>([&] { m.net.add("w", view(weight, {2, 3}), options); });
  };
  CHECK(add({.gradient = view(wrong, {2, 4})}) == errc::shape_mismatch);
  CHECK(add({.gradient = view(right, {3, 2})}) == errc::shape_mismatch);
  CHECK(add({.gradient = view(right, {2, 3}, "IO")}) == errc::shape_mismatch);
  CHECK(add({.state = {view(right, {2, 3}), view(wrong, {2, 4})}}) == errc::shape_mismatch);
  CHECK(m.net.size() == 2);
  m.net.add("w", view(weight, {2, 3}), {.gradient = view(right, {2, 3})});
  CHECK(m.net.size() == 3);
}

TEST_CASE("couplings must name parameters and map every position to a unit", "[core][model]") {
  two_layers m;
  const coupling good{"conv",
                      4,
                      {{"conv.weight", axis::out, {0, 1, 2, 3}, true},
                       {"conv.bias", axis::out, {0, 1, 2, 3}, false}}};
  m.net.couple({good});
  REQUIRE(m.net.couplings().size() == 1);

  coupling unknown = good, too_short = good, wrong_axis = good, beyond = good, negative = good;
  unknown.members[1].parameter = "bn.weight";
  too_short.members[1].unit_of = {0, 1, 2};
  wrong_axis.members[0].axis = axis::in;
  beyond.members[0].unit_of = {0, 1, 2, 4};
  negative.members[0].unit_of = {0, 1, 2, -1};
  CHECK(code_of<argument_error>([&] { m.net.couple({good, unknown}); }) == errc::unknown_name);
  CHECK(code_of<shape_error>([&] { m.net.couple({too_short}); }) == errc::shape_mismatch);
  CHECK(code_of<shape_error>([&] { m.net.couple({wrong_axis}); }) == errc::shape_mismatch);
  CHECK(code_of<argument_error>([&] { m.net.couple({beyond}); }) == errc::out_of_range);
  CHECK(code_of<argument_error>([&] { m.net.couple({negative}); }) == errc::out_of_range);
  CHECK(m.net.couplings().size() == 1);  // what was declared before stays
  m.net.couple({});
  CHECK(m.net.couplings().empty());
}

TEST_CASE("a named tensor views its own values", "[core][named_tensor]") {
  prunus::named_tensor<float> t{
      "w", {1, 1, 2, 3}, {axis::height, axis::width, axis::out, axis::in}, 2, {1, 2, 3, 4, 5, 6}};
  CHECK(t.view()(1, 2) == 6);
  t.view()(0, 1) = 9;
  CHECK(t.values[1] == 9);
  const auto& read_only = t;
  CHECK(read_only.view().data == t.values.data());
}
