// A pool of threads that share one piece of work at a time: spin for the next one a little, then park.
//
// std::thread rather than OpenMP: several OpenMP runtimes in one Python process can deadlock, and none survives fork.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace pellucid {

class ThreadPool {
 public:
  // The process's pool. A child made by fork gets a fresh one, since threads do not survive a fork.
  static ThreadPool& instance();

  // Tries to take the pool for one caller; while another network trains, this fails and the caller works alone.
  std::unique_lock<std::mutex> try_take();

  // Calls work(context, i, parts) for i = 0 .. parts-1, i = 0 on the calling thread; returns when all are done. A part
  // that no worker has begun by then is made by the caller: a worker without a core keeps nobody waiting.
  // Only for the holder of the lock. Workers must not throw.
  using Work = void (*)(void* context, int part, int parts);
  void run(int parts, Work work, void* context);

  ~ThreadPool();

 private:
  struct Job {
    Work work;
    void* context;
    int part, parts;
  };
  enum class State { idle, given, running };
  struct Worker {
    Job job{};
    std::atomic<State> state{State::idle};
    std::atomic<bool> parked{false};
    std::mutex mutex;
    std::condition_variable wake;
    bool stopping = false;
    std::thread thread;
  };
  static void loop(Worker& worker);
  // Starts threads until there are so many; returns how many of them there are.
  int have_workers(int wanted);

  std::mutex taken_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace pellucid
