// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/errors.hpp"

#include <examples/support/surveillance.hpp>

#include <algorithm>  // std::all_of, std::equal
#include <cstddef>    // std::ptrdiff_t, std::size_t

namespace {

using prunus_examples::film_surveillance;
using prunus_examples::film_surveillances;
using prunus_examples::surveillance_options;
using prunus_examples::video;

}  // namespace

TEST_CASE("a film is the same for the same seed, and each seed has its own", "[examples][video]") {
  const video a = film_surveillance(3, 5, {.height = 16, .width = 24});
  const video b = film_surveillance(3, 5, {.height = 16, .width = 24});
  const video c = film_surveillance(3, 6, {.height = 16, .width = 24});
  CHECK(a.frames.size() == 3 * 3 * 16 * 24);
  CHECK(a.labels.size() == 3 * 4 * 6);
  CHECK(a.size() == 3);
  CHECK(a.frames == b.frames);
  CHECK(a.labels == b.labels);
  CHECK(a.frames != c.frames);
  CHECK(std::all_of(a.frames.begin(), a.frames.end(), [](float x) { return x >= 0 && x <= 1; }));
}

TEST_CASE("without noise, drift and objects a fixed camera sees one frame", "[examples][video]") {
  const surveillance_options still{.height = 16, .width = 24, .objects = 0, .noise = 0, .drift = 0};
  const video film = film_surveillance(4, 1, still);
  for (std::ptrdiff_t n = 1; n < 4; ++n)
    CHECK(std::equal(film.frame(n).begin(), film.frame(n).end(), film.frame(0).begin()));
  CHECK(std::all_of(film.labels.begin(), film.labels.end(), [](int label) { return label == 0; }));
  surveillance_options other = still;
  other.camera = 2;
  CHECK(film_surveillance(4, 1, other).frames != film.frames);
}

TEST_CASE("what differs from the empty yard is what is labelled", "[examples][video]") {
  surveillance_options scene{.height = 64, .width = 96, .noise = 0, .drift = 0};
  const video film = film_surveillance(6, 3, scene, 5);
  scene.objects = 0;
  const video empty = film_surveillance(1, 3, scene);
  const std::size_t columns = 96;
  std::size_t objects = 0;
  for (std::ptrdiff_t n = 0; n < film.size(); ++n)
    for (std::size_t place = 0; place < static_cast<std::size_t>(film.places()); ++place) {
      int differing = 0;
      for (std::size_t i = 0; i < 16; ++i) {
        const std::size_t at = (place / 24 * 4 + i / 4) * columns + place % 24 * 4 + i % 4;
        differing += film.frame(n)[at] != empty.frame(0)[at];
      }
      if (film.labels_of(n)[place] == 1) CHECK(differing >= 8);
      if (differing == 16 && film.labels_of(n)[place] == 1) ++objects;
      if (differing == 0) CHECK(film.labels_of(n)[place] == 0);
    }
  CHECK(objects > 0);
}

TEST_CASE("several films follow each other with objects of their own", "[examples][video]") {
  const surveillance_options scene{.height = 16, .width = 24};
  const video all = film_surveillances(3, 2, 7, scene);
  CHECK(all.size() == 6);
  const video second = film_surveillance(2, 7 * 1000003 + 1, scene);
  CHECK(std::equal(second.frame(0).begin(), second.frame(0).end(), all.frame(2).begin()));
}

TEST_CASE("a film needs frames, and sides of multiples of four", "[examples][video]") {
  using prunus::argument_error;
  using prunus::errc;
  using support::code_of;
  CHECK(code_of<argument_error>([] { static_cast<void>(film_surveillance(0, 1)); }) ==
        errc::out_of_range);
  CHECK(code_of<argument_error>([] {
          static_cast<void>(film_surveillance(1, 1, {.height = 18, .width = 24}));
        }) == errc::out_of_range);
  CHECK(code_of<argument_error>([] { static_cast<void>(film_surveillances(0, 1, 1)); }) ==
        errc::out_of_range);
}
