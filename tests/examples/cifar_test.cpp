// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>

#include "data_files.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <examples/support/cifar.hpp>

#include <string>  // std::string
#include <vector>  // std::vector

using prunus_examples::dataset;
using prunus_examples::read_cifar10;
using prunus_examples::write_file;

TEST_CASE("read_cifar10 reads the batches one after the other, plain or compressed",
          "[examples][cifar]") {
  const temporary_folder folder("cifar");
  write_file(folder / "plain", cifar_record(3, 255, 0, 51) + cifar_record(9, 0, 0, 0));
  write_gz(folder / "packed", cifar_record(0, 102, 153, 204));
  const std::vector<std::string> paths{folder / "plain", folder / "packed"};
  const dataset data = read_cifar10(paths);
  CHECK(data.labels == std::vector<int>{3, 9, 0});
  CHECK(data.channels == 3);
  CHECK(data.height == 32);
  CHECK(data.width == 32);
  CHECK(data.classes == 10);
  REQUIRE(data.images.size() == 3 * 3072);
  CHECK(data.image(0)[1023] == 1.0F);
  CHECK(data.image(0)[1024] == 0.0F);
  CHECK(data.image(0)[2048] == 0.2F);
  CHECK(data.image(2)[0] == 0.4F);
  CHECK(data.image(2)[3071] == 0.8F);
}

TEST_CASE("read_cifar10 stops at its limit, in the middle of a batch or before the next",
          "[examples][cifar]") {
  const temporary_folder folder("cifar");
  write_file(folder / "one", cifar_record(1, 0, 0, 0) + cifar_record(2, 0, 0, 0));
  const std::vector<std::string> paths{folder / "one", folder / "missing"};
  CHECK(read_cifar10(paths, 1).labels == std::vector<int>{1});
  CHECK(read_cifar10(paths, 2).labels == std::vector<int>{1, 2});
  CHECK(file_error_of([&] { return read_cifar10(paths, 3); }) == prunus::errc::cannot_open);
}

TEST_CASE("read_cifar10 tells truncated and foreign files", "[examples][cifar]") {
  const temporary_folder folder("cifar");
  const auto read = [&](const std::string& contents) {
    write_file(folder / "batch", contents);
    const std::vector<std::string> paths{folder / "batch"};
    return file_error_of([&] { return read_cifar10(paths); });
  };
  const std::string record = cifar_record(4, 1, 2, 3);
  CHECK(read(record) == prunus::errc{});
  CHECK(read("") == prunus::errc::truncated);
  CHECK(read(record.substr(1)) == prunus::errc::truncated);
  CHECK(read(record + record.substr(0, 10)) == prunus::errc::truncated);
  CHECK(read(record + cifar_record(10, 1, 2, 3)) == prunus::errc::malformed);
}
