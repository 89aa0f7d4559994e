// SPDX-License-Identifier: MIT
#pragma once

#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

#if !defined(_WIN32)
#include <fcntl.h>     // O_RDONLY, O_WRONLY
#include <spawn.h>     // posix_spawnp
#include <sys/wait.h>  // waitpid
#include <unistd.h>    // environ

#include <cerrno>  // errno, EINTR
#endif

namespace prunus_examples {

/// Runs a program found on the path, without a shell and with its output dropped, and waits for it.
/// @return its exit status; nothing where it could not be started or was killed
[[nodiscard]] inline std::optional<int> run_program(
    [[maybe_unused]] const std::string& name,
    [[maybe_unused]] const std::vector<std::string>& arguments) {
#if defined(_WIN32)
  return std::nullopt;
#else
  std::vector<std::string> texts{name};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  words.reserve(texts.size() + 1);
  for (std::string& text : texts) words.push_back(text.data());
  words.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0) return std::nullopt;
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int problem = posix_spawnp(&child, words.front(), &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) return std::nullopt;

  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return std::nullopt;
  }
  if (!WIFEXITED(status)) return std::nullopt;
  return WEXITSTATUS(status);
#endif
}

}  // namespace prunus_examples
