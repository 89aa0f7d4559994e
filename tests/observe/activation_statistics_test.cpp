// SPDX-License-Identifier: MIT
#include <prunus/observe/activation_statistics.hpp>

#include "support/archives.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/random_source.hpp"

#include <cmath>   // std::abs
#include <limits>  // std::numeric_limits
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::activation_batch;
using prunus::activation_record;
using prunus::activation_statistics;
using support::code_of;
using support::error_of;

/// Values of which some are 0, as a rectifier leaves them, and some below.
template <class S>
std::vector<S> random_values(support::random_source& random, Index count) {
  std::vector<S> values;
  for (Index i = 0; i < count; ++i)
    values.push_back(random.chance(0.4) ? S(0) : static_cast<S>(random.real(-1, 3)));
  return values;
}

bool close(double a, double b, double magnitude) { return std::abs(a - b) <= 1e-12 * magnitude; }

/// Equal counts; sums that differ by rounding only.
bool nearly_same(const activation_record& a, const activation_record& b) {
  bool same = a.name == b.name && a.samples == b.samples && a.positions == b.positions &&
              a.active == b.active;
  for (std::size_t c = 0; same && c < a.active.size(); ++c)
    same = close(a.sum[c], b.sum[c], a.magnitude[c]) &&
           close(a.magnitude[c], b.magnitude[c], a.magnitude[c]) &&
           close(a.square[c], b.square[c], a.square[c]) &&
           close(a.weighted[c], b.weighted[c], a.magnitude[c]);
  return same;
}

activation_statistics saved_and_loaded(const activation_statistics& statistics) {
  prunus::archive_writer out;
  statistics.save(out);
  prunus::archive_reader in(out.bytes(), "memory");
  activation_statistics loaded;
  loaded.add("other", std::vector<float>{1}, 1);  // what was there is replaced
  loaded.load(in);
  CHECK(in.at_end());
  return loaded;
}

}  // namespace

TEMPLATE_TEST_CASE("activations of four samples and three neurons counted by hand",
                   "[observe][activation_statistics]", float, double) {
  const std::vector<TestType> values{1, 0, TestType(0.25), 2, 0, 0, 0.5, TestType(0.125), 0, 0,
                                     0, 0};
  activation_statistics outputs;
  outputs.add("fc1.weight", values, 4);
  const activation_record& r = outputs["fc1.weight"];
  CHECK(r.samples == 4);
  CHECK(r.positions == 4);
  CHECK(r.active == std::vector<std::int64_t>{3, 1, 1});
  CHECK(r.sum == std::vector<double>{3.5, 0.125, 0.25});
  CHECK(r.square == std::vector<double>{5.25, 0.015625, 0.0625});
  CHECK(r.zero_share(0) == 0.25);
  CHECK(r.zero_share(1) == 0.75);
  CHECK(r.active_share(2) == 0.25);
  CHECK(r.mean(0) == 0.875);
  CHECK(r.norm(2) == 0.25);
}

TEST_CASE("activations may be weighed by the accuracy at their time",
          "[observe][activation_statistics]") {
  activation_statistics outputs;
  outputs.add("fc1.weight", std::vector<float>{4, 1}, {.accuracy = 0.5});
  outputs.add("fc1.weight", std::vector<float>{2, -1}, {.accuracy = 0.25});
  CHECK(outputs["fc1.weight"].weighted == std::vector<double>{2.5, 0.25});
  CHECK(outputs["fc1.weight"].sum == std::vector<double>{6, 0});
  CHECK(outputs["fc1.weight"].magnitude == std::vector<double>{6, 2});
}

TEMPLATE_TEST_CASE("activation statistics agree with plain loops",
                   "[observe][activation_statistics]", float, double) {
  support::random_source random(5);
  for (int round = 0; round < 40; ++round) {
    activation_statistics outputs;
    const Index channels = random.between(1, 40);
    activation_record naive{
        "w", 0, 0, std::vector<std::int64_t>(static_cast<std::size_t>(channels)), {}, {}, {}, {}};
    for (auto* sums : {&naive.sum, &naive.magnitude, &naive.square, &naive.weighted})
      sums->resize(static_cast<std::size_t>(channels));
    for (Index batches = random.between(1, 3); batches > 0; --batches) {
      const Index samples = random.between(1, 20);
      const Index plane = random.chance(0.4) ? 1 : random.between(1, 40);
      const double accuracy = random.real(0, 1);
      const auto values = random_values<TestType>(random, samples * channels * plane);
      outputs.add("w", values, {.samples = samples, .channels = channels, .accuracy = accuracy});
      naive.samples += samples;
      naive.positions += samples * plane;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t c =
            i / static_cast<std::size_t>(plane) % static_cast<std::size_t>(channels);
        const double x = static_cast<double>(values[i]);
        naive.active[c] += x != 0 ? 1 : 0;
        naive.sum[c] += x;
        naive.magnitude[c] += std::abs(x);
        naive.square[c] += x * x;
        naive.weighted[c] += accuracy * x;
      }
    }
    CAPTURE(round, channels);
    REQUIRE(nearly_same(outputs["w"], naive));
  }
}

TEST_CASE("statistics gathered in parts merge to those gathered at once",
          "[observe][activation_statistics]") {
  support::random_source random(6);
  activation_statistics whole, first, second;
  for (int b = 0; b < 6; ++b) {
    const auto values = random_values<float>(random, 3 * 4 * 10);
    const activation_batch batch{.samples = 3, .channels = 4, .accuracy = 0.1 * b};
    whole.add("a", values, batch);
    (b < 2 ? first : second).add("a", values, batch);
  }
  const auto late = random_values<float>(random, 8);
  whole.add("b", late, 2);
  second.add("b", late, 2);
  first.merge(second);
  REQUIRE(first.records().size() == 2);
  CHECK(nearly_same(first["a"], whole["a"]));
  CHECK(first["b"] == whole["b"]);

  activation_statistics doubled = whole;
  doubled.merge(doubled);
  CHECK(doubled["a"].active[0] == 2 * whole["a"].active[0]);
  CHECK(doubled["b"].samples == 4);

  activation_statistics empty;
  empty.merge(whole);
  CHECK(empty == whole);
  empty.reset();
  CHECK(empty.empty());
  CHECK(empty.find("a") == nullptr);
}

TEST_CASE("a run goes on bit for bit from saved activation statistics",
          "[observe][activation_statistics]") {
  support::random_source random(7);
  activation_statistics straight;
  straight.add("conv", random_values<float>(random, 2 * 3 * 9), {.samples = 2, .channels = 3});
  straight.add("fc", random_values<double>(random, 10000), 2);
  activation_statistics resumed = saved_and_loaded(straight);
  REQUIRE(resumed == straight);
  const auto more = random_values<float>(random, 2 * 3 * 9);
  straight.add("conv", more, {.samples = 2, .channels = 3});
  resumed.add("conv", more, {.samples = 2, .channels = 3});
  CHECK(resumed == straight);
  CHECK(saved_and_loaded(activation_statistics{}).empty());
}

TEST_CASE("damaged activation statistics are refused", "[observe][activation_statistics]") {
  activation_statistics statistics;
  statistics.add("fc", std::vector<float>{1, 2, 3}, 1);
  prunus::archive_writer out;
  statistics.save(out);
  const std::string bytes = out.bytes();
  const activation_statistics before = statistics;
  const std::string pieces = support::pieces_of(bytes);
  for (std::size_t size = 0; size < pieces.size(); ++size) {
    const std::string part = support::sealed(pieces.substr(0, size));
    prunus::archive_reader in(part, "short");
    const prunus::errc code = code_of<prunus::file_error>([&] { statistics.load(in); });
    REQUIRE((code == prunus::errc::truncated || code == prunus::errc::malformed));
    REQUIRE(statistics == before);
  }
  prunus::archive_writer odd;
  odd.tag("prunus activations 1");
  odd.number(std::int64_t{1});
  odd.text("fc");
  odd.number(std::int64_t{-5});
  odd.number(std::int64_t{1});
  odd.number(std::int64_t{1});
  prunus::archive_reader in(odd.bytes(), "odd");
  CHECK(code_of<prunus::file_error>([&] { statistics.load(in); }) == prunus::errc::malformed);
  prunus::archive_writer huge;
  huge.tag("prunus activations 1");
  huge.number(std::int64_t{1});
  huge.text("fc");
  huge.number(std::int64_t{1} << 53);
  huge.number(std::int64_t{1});
  huge.number(std::int64_t{1});
  prunus::archive_reader in_huge(huge.bytes(), "huge");
  CHECK(code_of<prunus::file_error>([&] { statistics.load(in_huge); }) == prunus::errc::truncated);
  CHECK(statistics == before);

  struct counts {
    std::int64_t names, samples, positions, active;
  };
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  for (const counts& n : {counts{-1, 1, 1, 1}, counts{1, most, 1, 1}, counts{1, -1, 1, 1},
                          counts{1, 1, most, 1}, counts{1, 1, -1, 1}, counts{1, 1, 1, 2},
                          counts{1, 1, 1, -1}, counts{2, 1, 1, 1}}) {  // the last: one name twice
    CAPTURE(n.names, n.samples, n.positions, n.active);
    prunus::archive_writer wrong;
    wrong.tag("prunus activations 1");
    wrong.number(n.names);
    for (std::int64_t i = 0; i < n.names; ++i) {
      wrong.text("fc");
      wrong.number(std::int64_t{1});
      wrong.number(n.samples);
      wrong.number(n.positions);
      wrong.number(n.active);
      for (int sum = 0; sum < 4; ++sum) wrong.number(1.0);
    }
    prunus::archive_reader in_wrong(wrong.bytes(), "wrong");
    CHECK(code_of<prunus::file_error>([&] { statistics.load(in_wrong); }) ==
          prunus::errc::malformed);
  }
  CHECK(support::flips_taken(bytes, [&](const std::string& flipped) {
          prunus::archive_reader in_flipped(flipped, "flipped");
          statistics.load(in_flipped);
        }) == 0);
  CHECK(statistics == before);
}

TEST_CASE("wrong batches of activations are refused and change nothing",
          "[observe][activation_statistics]") {
  activation_statistics statistics;
  statistics.add("fc", std::vector<float>{1, 2, 3, 4}, 2);
  const activation_statistics before = statistics;
  const std::vector<float> six(6, 1.0F), none;
  const auto shape = [&](const std::vector<float>& values, const activation_batch& batch) {
    return error_of<prunus::shape_error>([&] { statistics.add("fc", values, batch); });
  };
  const support::thrown other = shape(six, {.samples = 2});
  CHECK(other.code == prunus::errc::shape_mismatch);
  CHECK(other.says("2 channels"));
  CHECK(other.says("3"));
  CHECK(shape(six, {.samples = 4}).code == prunus::errc::shape_mismatch);
  CHECK(shape(six, {.samples = 2, .channels = 2}).code == prunus::errc::shape_mismatch);
  CHECK(shape(none, {.samples = 1, .channels = 2}).code == prunus::errc::shape_mismatch);

  const auto argument = [&](std::string_view name, const activation_batch& batch) {
    return code_of<prunus::argument_error>([&] { statistics.add(name, six, batch); });
  };
  CHECK(argument("", {.samples = 3}) == prunus::errc::unknown_name);
  CHECK(argument("fc", {.samples = 0}) == prunus::errc::out_of_range);
  CHECK(argument("fc", {.samples = 3, .channels = -1}) == prunus::errc::out_of_range);
  CHECK(argument("fc", {.samples = 3, .accuracy = 1.5}) == prunus::errc::out_of_range);
  CHECK(argument("fc", {.samples = 3, .accuracy = std::nan("")}) == prunus::errc::out_of_range);

  for (float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    const support::thrown error = error_of<prunus::value_error>([&] {
      statistics.add("fc", std::vector<float>{1, bad}, 1);
    });
    CHECK(error.code == prunus::errc::not_finite);
    CHECK(error.says("fc"));
  }
  activation_statistics foreign;
  foreign.add("new", six, 1);
  foreign.add("fc", six, 1);
  CHECK(code_of<prunus::shape_error>([&] { statistics.merge(foreign); }) ==
        prunus::errc::shape_mismatch);
  CHECK(statistics == before);
  CHECK(code_of<prunus::argument_error>([&] { return statistics["conv"].channels(); }) ==
        prunus::errc::unknown_name);
}
