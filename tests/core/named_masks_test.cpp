// SPDX-License-Identifier: MIT
#include <prunus/core/named_masks.hpp>

#include "support/archives.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/temporary_folder.hpp"

#include <string>  // std::string
#include <vector>  // std::vector

namespace {

using Eigen::Index;
using prunus::argument_error;
using prunus::errc;
using prunus::file_error;
using prunus::mask;
using prunus::named_masks;
using prunus::shape_error;
using support::code_of;

struct two_layers {
  std::vector<float> conv = std::vector<float>(3 * 2 * 2 * 2, 1), fc = std::vector<float>(4 * 6, 1);
  prunus::model<float> net;

  two_layers() {
    net.add("conv.weight", prunus::view(conv, {2, 2, 2, 3}, "HWIO"));
    net.add("fc.weight", prunus::view(fc, {4, 6}));
  }
  two_layers(const two_layers&) = delete;
  two_layers& operator=(const two_layers&) = delete;

  [[nodiscard]] named_masks masks() const {
    named_masks result;
    mask filters(prunus::tile_grid(net["conv.weight"].weight, prunus::filter));
    filters.set(1, false);
    mask elements(prunus::tile_grid(net["fc.weight"].weight, prunus::element));
    for (const Index i : {0, 7, 8, 23}) elements.set(i, false);
    result.add("conv.weight", filters);
    result.add("fc.weight", elements);
    return result;
  }
};

std::string bytes_of(const named_masks& masks) {
  prunus::archive_writer out;
  masks.save(out);
  return out.bytes();
}

}  // namespace

TEST_CASE("masks are asked for by name and keep their order", "[core][named_masks]") {
  const two_layers t;
  const named_masks masks = t.masks();
  CHECK(masks.size() == 2);
  CHECK(masks["conv.weight"].removed() == 1);
  CHECK(masks["fc.weight"].removed() == 4);
  CHECK(masks.find("fc.weight") == &masks["fc.weight"]);
  CHECK(masks.find("fc.bias") == nullptr);
  const support::thrown error =
      support::error_of<argument_error>([&] { (void)masks["fc.wieght"]; });
  CHECK(error.code == errc::unknown_name);
  CHECK(error.says("fc.wieght"));
  CHECK(error.says("2"));
  std::vector<std::string> names;
  for (const auto& [name, mask] : masks) names.push_back(name + std::to_string(mask.removed()));
  CHECK(names == std::vector<std::string>{"conv.weight1", "fc.weight4"});
  CHECK(named_masks{}.empty());
}

TEST_CASE("equal masks are equal", "[core][named_masks]") {
  const two_layers t;
  const named_masks masks = t.masks();
  CHECK(masks == t.masks());
  CHECK_FALSE(masks == named_masks{});
  named_masks other_order;
  other_order.add("fc.weight", masks["fc.weight"]);
  other_order.add("conv.weight", masks["conv.weight"]);
  CHECK_FALSE(masks == other_order);
}

TEST_CASE("a name has one mask, or two that are joined", "[core][named_masks]") {
  const two_layers t;
  named_masks masks = t.masks();
  const named_masks before = masks;
  CHECK(code_of<argument_error>([&] { masks.add("conv.weight", mask{}); }) == errc::duplicate_name);
  CHECK(code_of<argument_error>([&] { masks.add("", mask{}); }) == errc::unknown_name);
  CHECK(code_of<shape_error>([&] { masks.add_or_join("conv.weight", masks["fc.weight"]); }) ==
        errc::shape_mismatch);
  CHECK(masks == before);
  mask more(masks["conv.weight"].grid());
  more.set(2, false);
  masks.add_or_join("conv.weight", more);
  CHECK(masks["conv.weight"][0]);
  CHECK(masks["conv.weight"].removed() == 2);
}

TEST_CASE("masks find the parameters of a model in any order", "[core][named_masks]") {
  const two_layers t;
  named_masks backwards;
  const named_masks masks = t.masks();
  backwards.add("fc.weight", masks["fc.weight"]);
  backwards.add("conv.weight", masks["conv.weight"]);
  for (const named_masks& order : {masks, backwards}) {
    Index seen = 0;
    order.for_each_mask(t.net, [&](const prunus::parameter<float>& p, const mask& m) {
      ++seen;
      CHECK(&m == order.find(p.name));
    });
    CHECK(seen == 2);
  }
}

TEST_CASE("masks that fit no parameter of a model are refused", "[core][named_masks]") {
  const two_layers t;
  const auto nothing = [](const prunus::parameter<float>&, const mask&) {};
  std::vector<float> other(4 * 6, 1);
  prunus::model<float> unknown, mismatch;
  unknown.add("conv", prunus::view(other, {4, 6}));
  mismatch.add("conv.weight", prunus::view(other, {4, 6}));
  const support::thrown error =
      support::error_of<argument_error>([&] { t.masks().for_each_mask(unknown, nothing); });
  CHECK(error.code == errc::unknown_name);
  CHECK(error.says("conv.weight"));
  CHECK(code_of<shape_error>([&] { t.masks().for_each_mask(mismatch, nothing); }) ==
        errc::shape_mismatch);
}

TEST_CASE("masks are read back from a file as they were", "[core][named_masks]") {
  const two_layers t;
  const temporary_folder folder("named-masks");
  const std::string path = folder / "masks.bin";
  for (const named_masks& masks : {t.masks(), named_masks{}}) {
    prunus::save_masks(path, masks);
    CHECK(prunus::load_masks(path) == masks);
  }
  CHECK(code_of<file_error>([&] { (void)prunus::load_masks(path + "2"); }) == errc::cannot_open);
}

TEST_CASE("damaged masks are refused, and what was there before stays", "[core][named_masks]") {
  const two_layers t;
  const std::string bytes = bytes_of(t.masks());
  named_masks here;
  here.add("x", mask(prunus::tile_grid(t.net["fc.weight"].weight, prunus::layer)));
  const named_masks before = here;
  const auto load = [&](const std::string& damaged) {
    prunus::archive_reader in(damaged, "damaged");
    here.load(in);
  };
  const std::string pieces = support::pieces_of(bytes);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    REQUIRE_THROWS_AS(load(bytes.substr(0, length)), file_error);
    if (length < pieces.size())
      REQUIRE_THROWS_AS(load(support::sealed(pieces.substr(0, length))), file_error);
    REQUIRE(here == before);
  }
  const std::size_t first_extent = 8 + 14 + 8 + 8 + 11 + 8 + 13;  // tag, count, name, tag
  const auto with_byte = [&](std::size_t at, char value) {
    std::string damaged = pieces;
    damaged[at] = value;
    return code_of<file_error>([&] { load(support::sealed(damaged)); });
  };
  CHECK(with_byte(first_extent, 0) == errc::malformed);           // extent 0
  CHECK(with_byte(first_extent + 7, '\x80') == errc::malformed);  // negative
  CHECK(with_byte(first_extent + 7, '\x7f') == errc::malformed);  // more weights than numbers
  CHECK(with_byte(first_extent + 8, 5) == errc::malformed);       // a tile beyond the extent
  CHECK(with_byte(first_extent + 16, 4) == errc::malformed);      // axis number 4
  CHECK(with_byte(first_extent + 16, 1) == errc::malformed);      // the same axis twice
  CHECK(with_byte(29, '\x80') == errc::malformed);                // -2^63 + 2 masks
  CHECK(here == before);

  prunus::archive_writer twice;
  twice.tag("prunus masks 1");
  twice.number(std::int64_t{2});
  for (int i = 0; i < 2; ++i) {
    twice.text("conv.weight");
    t.masks()["conv.weight"].save(twice);
  }
  CHECK(code_of<file_error>([&] { load(twice.bytes()); }) == errc::malformed);
  CHECK(here == before);
}

TEST_CASE("a file that goes on behind its masks, or claims a giant one, is refused",
          "[core][named_masks]") {
  const two_layers t;
  const temporary_folder folder("named-masks-damaged");
  const std::string path = folder / "masks.bin";
  prunus::write_file(path, bytes_of(t.masks()) + "x");
  CHECK(code_of<file_error>([&] { (void)prunus::load_masks(path); }) == errc::malformed);
  prunus::archive_writer out;
  out.tag("prunus masks 1");
  out.number(std::int64_t{1});
  out.text("w");
  out.tag("prunus mask 1");
  for (std::uint8_t axis = 0; axis < 4; ++axis) {
    out.number(std::int64_t{axis == 0 ? Index{1} << 40 : 1});
    out.number(std::int64_t{1});
    out.number(axis);
  }
  out.values("bits", 4);
  prunus::write_file(path, out.bytes());
  CHECK(code_of<file_error>([&] { (void)prunus::load_masks(path); }) == errc::truncated);
}
