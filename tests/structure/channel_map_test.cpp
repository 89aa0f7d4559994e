// SPDX-License-Identifier: MIT
#include <prunus/structure/channel_map.hpp>

#include "support/catch.hpp"

#include <utility>
#include <vector>

namespace {

using prunus::channel_map;
using prunus::Index;
using channel = channel_map::channel;
using channels = std::vector<channel>;
using ties = std::vector<std::pair<channel, channel>>;

}  // namespace

TEST_CASE("fresh channels are new and belong to no input", "[structure][channel_map]") {
  const channel_map map = channel_map::fresh(3);
  CHECK(map.from == channels{{channel::result, 0}, {channel::result, 1}, {channel::result, 2}});
  for (const channel& c : map.from) CHECK(c.is_new());
  CHECK((map.ties.empty() && map.unread.empty() && !map.keeps));
}

TEST_CASE("the same channels are the first input's, tied to those of the others",
          "[structure][channel_map]") {
  const std::vector<prunus::tensor_shape> inputs{{2, 3, 3}, {2, 1, 1}, {2, 3, 3}};
  const channel_map map = channel_map::same(inputs);
  CHECK(map.from == channels{{0, 0}, {0, 1}});
  CHECK(map.ties == ties{{{0, 0}, {1, 0}}, {{0, 1}, {1, 1}}, {{0, 0}, {2, 0}}, {{0, 1}, {2, 1}}});
}

TEST_CASE("repeated channels stand in a row", "[structure][channel_map]") {
  CHECK(channel_map::repeated(2, 3).from ==
        channels{{0, 0}, {0, 0}, {0, 0}, {0, 1}, {0, 1}, {0, 1}});
}

TEST_CASE("permuted channels are those that the order names", "[structure][channel_map]") {
  const std::vector<Index> order{2, 0, 1};
  CHECK(channel_map::permuted(order).from == channels{{0, 2}, {0, 0}, {0, 1}});
}

TEST_CASE("groups are tied to the first one", "[structure][channel_map]") {
  channel_map map = channel_map::fresh(4);
  map.tie_groups(1, 6, 3);
  CHECK(map.ties == ties{{{1, 0}, {1, 2}}, {{1, 1}, {1, 3}}, {{1, 0}, {1, 4}}, {{1, 1}, {1, 5}}});
  map.ties.clear();
  map.tie_groups(channel::result, 4, 1);  // one group has nothing to be tied to
  CHECK(map.ties.empty());
  map.tie_groups(channel::result, 4, 2);
  CHECK(map.ties == ties{{{channel::result, 0}, {channel::result, 2}},
                         {{channel::result, 1}, {channel::result, 3}}});
}
