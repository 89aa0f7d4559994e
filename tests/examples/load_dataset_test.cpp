// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>

#include "data_files.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <examples/support/load_dataset.hpp>

#include <cstdlib>     // setenv, unsetenv
#include <filesystem>  // std::filesystem::remove
#include <string>      // std::string
#include <vector>      // std::vector

using prunus_examples::data_directory;
using prunus_examples::data_split;
using prunus_examples::load_dataset;
using prunus_examples::load_or_draw;
using prunus_examples::write_file;

namespace {

const std::string two_images = idx_head({2, 1, 1}) + bytes({0, 255});
const std::string two_labels = idx_head({2}) + bytes({1, 2});
const std::string one_image = idx_head({1, 1, 1}) + bytes({51});
const std::string one_label = idx_head({1}) + bytes({3});

void write_mnist(const temporary_folder& folder) {
  write_file(folder / "train-images-idx3-ubyte", two_images);
  write_gz(folder / "train-labels-idx1-ubyte.gz", two_labels);
  write_gz(folder / "t10k-images.idx3-ubyte.gz", one_image);
  write_file(folder / "t10k-labels.idx1-ubyte", one_label);
}

}  // namespace

TEST_CASE("load_dataset knows IDX files, both spellings, plain and compressed",
          "[examples][load_dataset]") {
  const temporary_folder folder("mnist");
  write_mnist(folder);
  const data_split data = load_dataset(folder.path());
  CHECK(data.train.labels == std::vector<int>{1, 2});
  CHECK(data.train.images == std::vector<float>{0, 1});
  CHECK(data.test.labels == std::vector<int>{3});
  CHECK(data.test.images == std::vector<float>{0.2F});
  CHECK(data.train.name.find("prunus-mnist") == 0);
  CHECK(load_dataset(folder.path() + "/").test.name == data.train.name);
}

TEST_CASE("load_dataset takes a plain file before a compressed one", "[examples][load_dataset]") {
  const temporary_folder folder("mnist");
  write_mnist(folder);
  write_gz(folder / "train-images-idx3-ubyte.gz", "something else");
  CHECK(load_dataset(folder.path()).train.size() == 2);
}

TEST_CASE("load_dataset keeps to its limits", "[examples][load_dataset]") {
  const temporary_folder folder("mnist");
  write_mnist(folder);
  const data_split data = load_dataset(folder.path(), {.train = 1, .test = 5});
  CHECK(data.train.size() == 1);
  CHECK(data.test.size() == 1);
  try {
    static_cast<void>(load_dataset(folder.path(), {.train = 0}));
    FAIL("no exception");
  } catch (const prunus::argument_error& error) {
    CHECK(error.code() == prunus::errc::out_of_range);
  }
}

TEST_CASE("load_dataset knows CIFAR-10, whichever batches there are", "[examples][load_dataset]") {
  const temporary_folder folder("cifar");
  write_file(folder / "data_batch_2.bin", cifar_record(2, 0, 0, 0));
  write_gz(folder / "data_batch_5.bin.gz", cifar_record(5, 0, 0, 0));
  write_gz(folder / "test_batch.bin.gz", cifar_record(6, 0, 0, 0));
  const data_split data = load_dataset(folder.path());
  CHECK(data.train.labels == std::vector<int>{2, 5});
  CHECK(data.test.labels == std::vector<int>{6});
  CHECK(data.test.channels == 3);
}

TEST_CASE("load_dataset says which file is missing", "[examples][load_dataset]") {
  const temporary_folder folder("mnist");
  write_mnist(folder);
  std::filesystem::remove(folder / "t10k-labels.idx1-ubyte");
  try {
    static_cast<void>(load_dataset(folder.path()));
    FAIL("no exception");
  } catch (const prunus::file_error& error) {
    CHECK(error.code() == prunus::errc::cannot_open);
    CHECK(std::string(error.what()).find(folder / "t10k-labels-idx1-ubyte") == 0);
  }
}

TEST_CASE("load_dataset refuses folders without a set and sets that do not fit together",
          "[examples][load_dataset]") {
  const temporary_folder folder("empty");
  const auto load = [](const std::string& path) {
    return file_error_of([&] { return load_dataset(path); });
  };
  CHECK(load(folder.path()) == prunus::errc::cannot_open);
  CHECK(load(folder / "missing") == prunus::errc::cannot_open);
  write_file(folder / "data_batch_1.bin", cifar_record(2, 0, 0, 0));
  CHECK(load(folder.path()) == prunus::errc::cannot_open);  // no test_batch.bin

  const temporary_folder uneven("uneven");
  write_mnist(uneven);
  write_gz(uneven / "t10k-images.idx3-ubyte.gz", idx_head({1, 1, 2}) + bytes({51, 51}));
  CHECK(load(uneven.path()) == prunus::errc::malformed);
}

TEST_CASE("data_directory takes the option before the environment before nothing",
          "[examples][load_dataset]") {
  const char* const before = std::getenv("PRUNUS_DATA");
  const std::string kept = before != nullptr ? before : "";
  REQUIRE(setenv("PRUNUS_DATA", "from-environment", 1) == 0);
  CHECK(data_directory("from-option") == "from-option");
  CHECK(data_directory("") == "from-environment");
  REQUIRE(unsetenv("PRUNUS_DATA") == 0);
  CHECK(data_directory("").empty());
  if (before != nullptr) setenv("PRUNUS_DATA", kept.c_str(), 1);
}

TEST_CASE("load_or_draw draws the built-in digits where no folder is named",
          "[examples][load_dataset]") {
  const data_split drawn = load_or_draw("", {.train = 20, .test = 10});
  CHECK(drawn.train.name == "digits");
  CHECK(drawn.train.size() == 20);
  CHECK(drawn.test.size() == 10);
  const temporary_folder folder("mnist");
  write_mnist(folder);
  CHECK(load_or_draw(folder.path()).train.size() == 2);
}
