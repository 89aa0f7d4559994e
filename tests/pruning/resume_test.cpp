// SPDX-License-Identifier: MIT
#include <prunus/allocation/global.hpp>
#include <prunus/allocation/uniform.hpp>
#include <prunus/criteria/l1_norm.hpp>
#include <prunus/criteria/l2_norm.hpp>
#include <prunus/criteria/random_score.hpp>
#include <prunus/pruning/hard.hpp>
#include <prunus/pruning/logistic_decay.hpp>
#include <prunus/pruning/pass.hpp>
#include <prunus/pruning/scheduler.hpp>
#include <prunus/pruning/soft.hpp>
#include <prunus/schedule/constant_sparsity.hpp>
#include <prunus/schedule/cubic_ramp.hpp>
#include <prunus/schedule/one_shot.hpp>

#include "support/archives.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/toy_network.hpp"

#include <cstdint>  // std::int64_t, std::uint8_t
#include <memory>   // std::unique_ptr
#include <string>   // std::string
#include <vector>   // std::vector

namespace {

using Eigen::Index;
using prunus::axis;
using prunus::constant_sparsity;
using prunus::cubic_ramp;
using prunus::decay_semantics;
using prunus::errc;
using prunus::pass;
using prunus::scheduler;
using support::code_of;
using support::toy_network;

/// Hard, soft, decaying, random and coupled passes together.
template <class S>
struct run {
  toy_network<S> network;
  scheduler<S> pruning{network.net};

  run() {
    network.net.couple({{"conv1",
                         8,
                         {{"conv1.weight", axis::out, {0, 1, 2, 3, 4, 5, 6, 7}, true},
                          {"conv1.bias", axis::out, {0, 1, 2, 3, 4, 5, 6, 7}, false}}}});
    pruning.add(cubic_ramp{.final_sparsity = 0.5, .begin = 1, .end = 12, .every = 3},
                pass{prunus::l1_norm{}, prunus::element, prunus::global{}, prunus::hard{}});
    pruning.add(constant_sparsity{.sparsity = 0.34, .begin = 2, .end = 20, .every = 2},
                pass{prunus::l2_norm{}, prunus::filter, prunus::uniform{}, prunus::soft{}}.within(
                    {.include = {"conv*"}}));
    pruning.add(
        constant_sparsity{.sparsity = 0.5, .begin = 0, .end = 16, .every = 2},
        pass{prunus::l2_norm{}, prunus::kernel_2d, prunus::uniform{},
             prunus::logistic_decay{.duration = 8, .semantics = decay_semantics::cumulative_target}}
            .within({.include = {"fc*"}}));
    pruning.add(prunus::one_shot{.sparsity = 0.2, .at = 9},
                pass{prunus::random_score{4}, prunus::block(2, 1)});
  }
  void go(Index from, Index to) {
    for (Index step = from; step < to; ++step) {
      network.train(step);
      pruning.step({.step = step, .epoch = step / 5});
    }
  }
  [[nodiscard]] std::string saved() const {
    prunus::archive_writer out;
    pruning.save(out);
    return out.bytes();
  }
  void load(const std::string& bytes) {
    prunus::archive_reader in(bytes, "checkpoint");
    pruning.load(in);
    REQUIRE(in.at_end());
  }
};

constexpr Index steps = 24;

}  // namespace

TEMPLATE_TEST_CASE("a run resumed at any step continues to the bit", "[pruning][resume][law5]",
                   float, double) {
  run<TestType> whole;
  whole.go(0, steps);
  (void)whole.pruning.finish();
  CHECK(whole.pruning.sparsity() > 0.5);

  for (Index stop = 0; stop <= steps; ++stop) {
    run<TestType> first;
    first.go(0, stop);
    run<TestType> second;
    second.network.set_weights(first.network.weights());
    second.load(first.saved());
    CAPTURE(stop);
    REQUIRE(second.saved() == first.saved());
    second.go(stop, steps);
    (void)second.pruning.finish();
    REQUIRE(second.network.weights() == whole.network.weights());
    REQUIRE(second.saved() == whole.saved());
  }
}

TEST_CASE("a copy of a scheduler's state may be taken back", "[pruning][resume]") {
  run<float> r;
  r.go(0, 10);
  const std::string state = r.saved();
  const auto weights = r.network.weights();
  r.go(10, steps);
  const auto ended = r.network.weights();
  r.load(state);  // back in time, with the weights of then
  r.network.set_weights(weights);
  r.go(10, steps);
  CHECK(r.network.weights() == ended);
}

TEST_CASE("progress is part of the state", "[pruning][resume]") {
  run<float> first, second;
  first.go(0, 10);
  second.load(first.saved());
  CHECK(code_of<prunus::state_error>([&] { second.pruning.step({.step = 3}); }) ==
        errc::step_backwards);
  run<float> untouched;
  second.load(untouched.saved());  // a state in which no step was made yet
  second.pruning.step({.step = 0});
}

TEST_CASE("a state with fewer than no events done is refused", "[pruning][resume]") {
  run<float> r;
  const std::string before = r.saved();
  prunus::archive_writer out;
  out.tag("prunus scheduler 1");
  out.number(std::uint8_t{0});
  out.number(prunus::progress{});
  out.number(std::int64_t{4});
  out.number(std::int64_t{-1});
  CHECK(code_of<prunus::file_error>([&] { r.load(out.bytes()); }) == errc::malformed);
  CHECK(r.saved() == before);
}

TEST_CASE("a state cut at any byte is refused and the scheduler stays as it was",
          "[pruning][resume]") {
  run<float> first, second;
  first.go(0, 15);
  second.go(0, 4);
  const std::string bytes = first.saved(), before = second.saved();
  const std::string pieces = support::pieces_of(bytes);
  for (std::size_t length = 0; length < pieces.size(); ++length) {
    const std::string part = support::sealed(pieces.substr(0, length));
    prunus::archive_reader in(part, "checkpoint");
    CAPTURE(length);
    REQUIRE(code_of<prunus::file_error>([&] { second.pruning.load(in); }) == errc::truncated);
    REQUIRE(second.saved() == before);
  }
}

TEST_CASE("foreign states are refused and the scheduler stays as it was", "[pruning][resume]") {
  run<float> r;
  r.go(0, 8);
  const std::string before = r.saved();
  const auto load = [&](const std::string& bytes) {
    prunus::archive_reader in(bytes, "checkpoint");
    r.pruning.load(in);
  };

  CHECK(code_of<prunus::file_error>([&] { load("{\"format\": \"something else\"}"); }) ==
        errc::malformed);
  prunus::archive_writer mask;
  r.pruning.mask_of("fc.weight")->save(mask);
  CHECK(code_of<prunus::file_error>([&] { load(mask.bytes()); }) == errc::malformed);

  const auto state_of = [](scheduler<float>& s) {
    prunus::archive_writer out;
    s.save(out);
    return out.bytes();
  };
  toy_network<float> other;
  scheduler one_pass{other.net};
  one_pass.add(prunus::one_shot{}, pass{prunus::l1_norm{}, prunus::element});
  CHECK(code_of<prunus::shape_error>([&] { load(state_of(one_pass)); }) == errc::shape_mismatch);

  run<float> other_tile;
  scheduler four_passes{other_tile.network.net};
  for (int i = 0; i < 4; ++i)
    four_passes.add(prunus::one_shot{}, pass{prunus::l1_norm{}, prunus::kernel_2d});
  CHECK(code_of<prunus::shape_error>([&] { load(state_of(four_passes)); }) == errc::shape_mismatch);
  CHECK(r.saved() == before);
}

TEST_CASE("bytes that are neither kept nor removed are refused", "[pruning][resume]") {
  run<float> r;
  r.go(0, 8);
  const std::string before = r.saved();
  std::string damaged = support::pieces_of(before);
  const std::string units("conv1\x08\0\0\0\0\0\0\0",
                          13);  // the coupling's name and number of units
  const std::size_t at = damaged.find(units);
  REQUIRE(at != std::string::npos);
  damaged[at + units.size() + 2] = 7;
  const std::string bytes = support::sealed(damaged);
  prunus::archive_reader in(bytes, "checkpoint");
  CHECK(code_of<prunus::file_error>([&] { r.pruning.load(in); }) == errc::malformed);
  CHECK(r.saved() == before);
}

TEST_CASE("no flipped bit of a saved state is taken for another state", "[pruning][resume]") {
  run<float> r;
  r.go(0, 8);
  const std::string before = r.saved();
  CHECK(support::flips_taken(before, [&](const std::string& bytes) {
          prunus::archive_reader in(bytes, "flipped");
          r.pruning.load(in);
        }) == 0);
  CHECK(r.saved() == before);
}

TEST_CASE("states with counters that cannot be, and masks of another shape, are refused by name",
          "[pruning][resume]") {
  run<float> r;
  r.go(0, 8);
  const std::string before = r.saved(), pieces = support::pieces_of(before);
  const auto load = [&](const std::string& bytes) {
    const std::string archive = support::sealed(bytes);
    prunus::archive_reader in(archive, "checkpoint");
    r.pruning.load(in);
  };
  const std::size_t started = 8 + std::string("prunus scheduler 1").size();
  const std::size_t step = started + 1, passes = step + sizeof(prunus::progress),
                    events = passes + 8;
  for (const std::size_t at : {step, step + 8, passes, events}) {  // the highest byte of each
    CAPTURE(at);
    std::string negative = pieces;
    negative[at + 7] = '\x80';
    CHECK(code_of<prunus::file_error>([&] { load(negative); }) == errc::malformed);
  }
  std::string huge = pieces;
  huge[events + 7] = '\x7f';
  CHECK(code_of<prunus::file_error>([&] { load(huge); }) == errc::malformed);
  std::string odd = pieces;
  odd[started] = 2;
  CHECK(code_of<prunus::file_error>([&] { load(odd); }) == errc::malformed);

  std::string reshaped = pieces;
  const std::size_t mask = reshaped.find("prunus mask 1");
  REQUIRE(mask != std::string::npos);
  reshaped[mask + 13] = 77;  // the first extent
  const support::thrown problem = support::error_of<prunus::shape_error>([&] { load(reshaped); });
  CHECK(problem.code == errc::shape_mismatch);
  CHECK(problem.says("the mask of conv1.weight"));
  CHECK(r.saved() == before);
}
