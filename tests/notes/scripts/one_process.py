"""Question 3: a process is started and joined, and prints one line."""

import multiprocessing


def speak() -> None:
    print("This is a child process")


if __name__ == "__main__":
    child = multiprocessing.Process(target=speak)
    child.start()
    child.join()
