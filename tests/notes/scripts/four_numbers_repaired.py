"""Question 6 repaired: all that the program does stands inside the guard, so that only the program does it."""

import multiprocessing


def say(number: int) -> None:
    print(f"Process {number}")


def main() -> None:
    team = [multiprocessing.Process(target=say, args=(number,)) for number in range(4)]
    for member in team:
        member.start()
    for member in team:
        member.join()
    print("This code creates 4 processes, each assigned a unique number to print.")


if __name__ == "__main__":
    main()
