"""Everyday Japanese sentences for corpora whose voices say any text. Frames and words are ours."""

from __future__ import annotations

import numpy as np

from sovits_lab.corpora.sentences import filled_frames, first_different, word_decks

MOST = 20_000  # sentences; the frames give several times as many
WORDS = {
    "who": "先生 母 父 兄 姉 弟 妹 友達 隣の人 医者 店員 学生 おばあさん 子供たち 社長 警察官 祖父 同僚 観光客 運転手",
    "name": "田中さん 佐藤さん 山本さん 鈴木さん 高橋さん 由美子さん 健太君 花子ちゃん 中村さん 小林先生",
    "when": "昨日 今朝 先週 去年の夏 三日前 夕方 夜中 日曜日 お昼過ぎ 朝早く",
    "soon": "明日 来週 今度の土曜日 来月 今夜 午後三時 放課後 来年の春",
    "place": "駅前 学校 図書館 公園 海辺 市場 病院 京都 北海道 台所 教室 山の上 空港 交差点 庭 事務所",
    "food": "パン りんご 味噌汁 お寿司 カレー 卵焼き 焼き魚 チョコレート うどん 野菜スープ 牛乳 和菓子",
    "eat": "食べ 買い 頼み 作り 温め 分け",
    "thing": "鍵 財布 手紙 古い写真 自転車 傘 青いかばん 眼鏡 地図 時計 切符 赤い靴 新聞 荷物 古い椅子 カメラ",
    "do": "見つけ 片付け 落とし 借り 預かり 直し 忘れ 運び 探し 届け",
    "nature": "雨 雪 風 海 空 月 桜 川の水 雲 紅葉 夕焼け 星",
    "how": "静か きれい 不思議 穏やか にぎやか 見事 意外 大切 特別 立派",
    "adjective": "高い 低い 新しい 古い 冷たい 熱い 重い 軽い 明るい 暗い 難しい 優しい 珍しい 遠い",
    "feel": "嬉しい 悲しい 寂しい 楽しい 苦しい 懐かしい 恥ずかしい 怖い",
    "move": "歩いて 走って 休んで 遊んで 集まって 並んで 座って 眠って",
    "number": "二 三 五 七 八 十 十二 二十 百",
    "animal": "犬 猫 馬 鳥 小さな虫 うさぎ 狐 亀",
}
FRAMES = (
    "{who}は{when}、{place}で{thing}を{do}ました。",
    "{when}、{name}と{place}で{food}を{eat}ました。",
    "{place}の{nature}は、とても{how}です。",
    "{name}は{soon}、{place}へ行くそうです。",
    "その{thing}は{adjective}ので、気をつけてください。",
    "{who}が{place}で{move}います。",
    "{thing}と{thing2}を{do}ましたか？",
    "どうして{who}は{food}を{eat}ませんか？",
    "{nature}を見ると、なぜか{feel}気持ちになります。",
    "{number}人の{who}が、{place}で{move}いました。",
    "{soon}までに、必ず{thing}を{do}ます。",
    "{animal}が{place}で{move}いるのを見ました。",
    "その{food}なら、{name}が{eat}ました。",
    "{adjective}{thing}よりも、{adjective2}{thing2}の方がいいです。",
    "{who}に聞いても、{thing}の場所は分かりませんでした。",
    "なんて{how}な{nature}でしょう！",
    "{name}、{soon}一緒に{place}へ行きませんか？",
    "{when}は{nature}が{how}だったのに、今日は違います。",
    "{who}の話を聞いて、少し{feel}です。",
    "{place}には、{adjective}{thing}が{number}個あります。",
    "もう一度、{thing}を{do}ませんか？",
    "{food}も{food2}も、まだ{eat}ません。",
    "いいえ、{name}の{thing}ではありません。",
    "{animal}と{animal2}は、{place}で仲良く{move}います。",
)


def japanese_sentences(count: int, seed: int) -> list[str]:
    """Return `count` different sentences; a longer list begins with the shorter one of the same seed.

    Raises:
        InputError: more than `MOST`.
    """
    return first_different(count, filled_frames(FRAMES, word_decks(WORDS), np.random.default_rng([seed, 0x1A])), MOST)
